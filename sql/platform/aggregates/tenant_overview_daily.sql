/*
description: Each tenant per UTC day, and the platform itself.
key: [day, tenant_id]
columns:
  day: UTC calendar day of the samples.
  tenant_id: Tenant; empty for the platform itself, which is not the sum of its tenants.
  sample_count: Samples of the day.
  series_count: Series they belong to.
  metric_count: Names of metrics.
  active_users: Distinct users that samples are about; samples about none do not count.
  service_count: Services whose health is known.
  degraded_count: Those of them that were degraded.
  critical_count: Those of them that were critical.
  status: The worst status of a service; unknown when none is known.
checks:
  - expect_column_values_to_be_between: {column: sample_count, min_value: 1}
  - expect_column_values_to_be_in_set: {column: status, value_set: [healthy, degraded, critical, unknown]}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: sample_count, column_B: series_count, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: series_count, column_B: metric_count, or_equal: true}
*/
with
-- Series of each tenant.
series as (
    select
        day, tenant_id,
        sum(sample_count)::bigint as sample_count,
        count(*) as series_count,
        count(distinct name) as metric_count
    from platform.metric_1d
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Users of each tenant.
users as (
    select day, tenant_id, count(*) as active_users
    from (
        select distinct
            (recorded_at at time zone 'UTC')::date as day, coalesce(tenant_id, '') as tenant_id, user_id
        from platform.metric_samples
        where recorded_at >= :start and recorded_at < :end and user_id is not null
    ) as present
    group by 1, 2
),
-- Services of each tenant.
health as (
    select
        day, tenant_id,
        count(*) as service_count,
        count(case when status = 'degraded' then 1 end) as degraded_count,
        count(case when status = 'critical' then 1 end) as critical_count
    from platform.system_health_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select
    day,
    tenant_id,
    sample_count,
    series_count,
    metric_count,
    coalesce(active_users, 0)::bigint as active_users,
    coalesce(service_count, 0)::bigint as service_count,
    coalesce(degraded_count, 0)::bigint as degraded_count,
    coalesce(critical_count, 0)::bigint as critical_count,
    case
        when critical_count > 0 then 'critical'
        when degraded_count > 0 then 'degraded'
        when service_count > 0 then 'healthy'
        else 'unknown'
    end as status
from series
left join users using (day, tenant_id)
left join health using (day, tenant_id)
