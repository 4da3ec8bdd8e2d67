/*
description: Each day with samples of the window, oldest first; a day without a row is a gap, not a zero.
columns:
  day: UTC calendar day.
  sample_count: Samples of all tenants and of the platform itself.
  tenant_count: Tenants with samples.
  active_users: Distinct users, each counted once a tenant.
  service_count: Services whose health is known.
  unhealthy_count: Those of them that were degraded or critical.
  unhealthy_ratio: Their share; NULL when no health is known.
  reset_count: How often a cumulative counter fell, after a restart.
*/
with
-- Restarts of each day.
resets as (
    select day, sum(reset_count)::bigint as reset_count
    from platform.metric_1d
    where day >= :start::date and day < :end::date
    group by 1
),
-- All tenants of each day.
days as (
    select
        day,
        sum(sample_count)::bigint as sample_count,
        count(case when tenant_id <> '' then 1 end) as tenant_count,
        sum(active_users)::bigint as active_users,
        sum(service_count)::bigint as service_count,
        sum(degraded_count + critical_count)::bigint as unhealthy_count
    from platform.tenant_overview_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    sample_count,
    tenant_count,
    active_users,
    service_count,
    unhealthy_count,
    unhealthy_count::double precision / nullif(service_count, 0) as unhealthy_ratio,
    coalesce(reset_count, 0)::bigint as reset_count
from days
left join resets using (day)
order by day
