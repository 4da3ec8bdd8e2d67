/*
description: Each day with attempts of the window, oldest first; a day without a row is a gap, not a zero.
columns:
  day: UTC calendar day.
  attempt_count: Attempts of all tiers, and of what passes none.
  ended_count: Attempts that ended in success, failure or timeout.
  failed_count: Those of them that failed or took too long.
  failure_ratio: Share of failed ones among those that ended.
  schedule_count: Distinct schedules with attempts.
  execution_count: Executions that started and passed the three tiers, or should have.
  completed_ratio: Share of these executions that were completed.
  lost_count: Executions that were lost between two tiers.
  error_count: Records with an error message.
  new_pattern_count: Error patterns that were never seen before.
  published_count: Records published to Kafka.
*/
with
-- All tiers together.
days as (
    select
        day,
        sum(attempt_count)::bigint as attempt_count,
        sum(ended_count)::bigint as ended_count,
        sum(failed_count)::bigint as failed_count
    from schedules.system_health_daily
    where day >= :start::date and day < :end::date and tier <> 'all'
    group by 1
),
-- Schedules that did something.
active as (
    select day, count(*) as schedule_count
    from schedules.schedule_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Executions through the tiers.
flows as (
    select
        day, execution_count, completed_ratio,
        lost_before_clickhouse_count + lost_before_redis_count as lost_count
    from schedules.schedule_flow_daily
    where day >= :start::date and day < :end::date
),
-- Errors, and those that are new.
errors as (
    select
        day,
        sum(error_count)::bigint as error_count,
        count(*) filter (where is_new) as new_pattern_count
    from schedules.error_patterns_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What reached Kafka.
publications as (
    select day, sum(published_count)::bigint as published_count
    from schedules.kafka_publish_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    attempt_count,
    ended_count,
    failed_count,
    failed_count::double precision / nullif(ended_count, 0) as failure_ratio,
    coalesce(schedule_count, 0)::bigint as schedule_count,
    coalesce(execution_count, 0)::bigint as execution_count,
    completed_ratio,
    coalesce(lost_count, 0)::bigint as lost_count,
    coalesce(error_count, 0)::bigint as error_count,
    coalesce(new_pattern_count, 0)::bigint as new_pattern_count,
    coalesce(published_count, 0)::bigint as published_count
from days
left join active using (day)
left join flows using (day)
left join errors using (day)
left join publications using (day)
order by day
