/*
description: Each gauge of each tenant's services has as many samples as the metrics that name a service.
checks:
  - unexpected_rows_expectation: {severity: error}
*/
with
-- Samples of all services of a tenant.
services as (
    select day, tenant_id, name, unit, sum(sample_count) as service_sample_count
    from platform.service_gauges_1d
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4
),
-- Samples of the metrics that name a service.
metrics as (
    select day, tenant_id, name, unit, sum(sample_count) as metric_sample_count
    from platform.metric_1d
    where day >= :start::date and day < :end::date and type = 'gauge' and labels ->> 'service_id' is not null
    group by 1, 2, 3, 4
)
select day, tenant_id, name, unit, service_sample_count, metric_sample_count
from services
full join metrics using (day, tenant_id, name, unit)
where coalesce(service_sample_count, 0) <> coalesce(metric_sample_count, 0)
