/*
description: >-
  Each schema of schema_liveness_daily has one scorecard, with the day's operations. A missing score has a reason, any other
  has all components.
*/
with
-- The schemas of each day.
live as (
    select day, schema_id, state = 'zombie' as is_zombie
    from usage.schema_liveness_daily
    where day >= :start::date and day < :end::date
),
-- Their scores.
health as (
    select
        day, schema_id, overall_score, success_rate_score, performance_score, activity_score, reason, is_zombie,
        operation_count
    from usage.schema_health_daily
    where day >= :start::date and day < :end::date
),
-- The operations of the day.
days as (
    select day, schema_id, operation_count
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'schema'
)
select
    day, schema_id, live.is_zombie, health.is_zombie as is_zombie_in_health, health.overall_score, health.reason,
    health.operation_count, coalesce(days.operation_count, 0) as operations_of_day
from live
full join health using (day, schema_id)
left join days using (day, schema_id)
where live.is_zombie is distinct from health.is_zombie
   or (health.overall_score is null) <> (health.reason is not null)
   or (health.overall_score is not null and (
        health.success_rate_score is null or health.performance_score is null or health.activity_score is null
   ))
   or health.operation_count <> coalesce(days.operation_count, 0)
