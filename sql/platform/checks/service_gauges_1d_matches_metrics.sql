/*
description: The samples of the gauges of each tenant's services are those of the metrics with their names and units.
checks:
  - unexpected_rows_expectation: {severity: error}
*/
with
-- The gauges with their units.
gauges as (
    select 'cpu_percent' as name, 'percent' as unit
    union all
    select 'memory_percent', 'percent'
    union all
    select 'disk_percent', 'percent'
    union all
    select 'request_rate', '1/s'
    union all
    select 'error_ratio', 'ratio'
    union all
    select 'latency_ms', 'ms'
    union all
    select 'cache_hit_ratio', 'ratio'
),
-- Samples of all services of a tenant.
services as (
    select day, tenant_id, sum(sample_count) as service_sample_count
    from platform.service_gauges_1d
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Samples of the metrics that name a service.
metrics as (
    select day, tenant_id, sum(sample_count) as metric_sample_count
    from platform.metric_1d as metrics
    join gauges on gauges.name = metrics.name and metrics.unit in ('', gauges.unit)
    where day >= :start::date and day < :end::date and type = 'gauge' and labels ->> 'service_id' is not null
    group by 1, 2
)
select day, tenant_id, service_sample_count, metric_sample_count
from services
full join metrics using (day, tenant_id)
where coalesce(service_sample_count, 0) <> coalesce(metric_sample_count, 0)
