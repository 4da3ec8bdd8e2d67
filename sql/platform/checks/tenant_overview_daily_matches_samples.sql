/*
description: The samples of each tenant and day are all counted, and its services are those whose health is known.
*/
with
-- What the table says.
told as (
    select day, tenant_id, sample_count, service_count
    from platform.tenant_overview_daily
    where day >= :start::date and day < :end::date
),
-- What the samples say.
samples as (
    select
        (recorded_at at time zone 'UTC')::date as day, coalesce(tenant_id, '') as tenant_id, count(*) as sample_count
    from platform.metric_samples
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2
),
-- What the health of services says.
health as (
    select day, tenant_id, count(*) as service_count
    from platform.system_health_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select
    day, tenant_id,
    told.sample_count, samples.sample_count as count_of_samples,
    told.service_count, coalesce(health.service_count, 0) as count_of_services
from told
full join samples using (day, tenant_id)
left join health using (day, tenant_id)
where told.sample_count is distinct from samples.sample_count
   or told.service_count is distinct from coalesce(health.service_count, 0)
