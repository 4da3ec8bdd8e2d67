/*
description: The platform in numbers, one row for the period and one for the one before; no row where nothing was measured.
columns:
  period: current or previous.
  day_count: Days with samples.
  sample_count: Samples of all tenants and of the platform itself.
  tenant_count: Tenants with samples.
  active_users: Most distinct users of a day, each counted once a tenant.
  unhealthy_ratio: Share of the days of services that were degraded or critical; NULL when no health is known.
  reset_count: How often a cumulative counter fell, after a restart.
*/
with
-- Tenants of each day; the platform is the one without a name.
tenants as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        day, tenant_id, sample_count, active_users, service_count, degraded_count + critical_count as unhealthy_count
    from platform.tenant_overview_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- All tenants of a day.
days as (
    select
        period, day,
        sum(sample_count) as sample_count,
        sum(active_users) as active_users,
        sum(service_count) as service_count,
        sum(unhealthy_count) as unhealthy_count
    from tenants
    group by 1, 2
),
-- Restarts of both periods.
resets as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        sum(reset_count)::bigint as reset_count
    from platform.metric_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- Names of both periods.
names as (
    select period, count(distinct case when tenant_id <> '' then tenant_id end) as tenant_count
    from tenants
    group by 1
),
-- All days of a period.
totals as (
    select
        period,
        count(*) as day_count,
        sum(sample_count)::bigint as sample_count,
        max(active_users)::bigint as active_users,
        sum(unhealthy_count)::double precision / nullif(sum(service_count), 0)::double precision as unhealthy_ratio
    from days
    group by 1
)
select
    totals.period,
    day_count,
    sample_count,
    tenant_count,
    active_users,
    unhealthy_ratio,
    coalesce(reset_count, 0)::bigint as reset_count
from totals
join names on names.period = totals.period
left join resets on resets.period = totals.period
order by totals.period
