/*
description: Schedule executions in numbers, one row for the period and one for the period before it; no row where nothing happened.
columns:
  period: current or previous.
  day_count: Days with attempts.
  attempt_count: Attempts of all tiers, and of what passes none.
  failure_ratio: Share of failures and timeouts among the attempts that ended in success, failure or timeout.
  execution_count: Executions that started and passed the three tiers, or should have.
  completed_ratio: Share of these executions that were completed.
  lost_count: Executions that were lost between two tiers.
  error_count: Records with an error message.
  new_pattern_count: Error patterns that were never seen before the day they came up on.
  published_count: Records published to Kafka.
*/
with
-- Days with attempts, of all tiers together.
days as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        count(distinct day) as day_count,
        sum(attempt_count)::bigint as attempt_count,
        sum(failed_count)::double precision / nullif(sum(ended_count), 0) as failure_ratio
    from schedules.system_health_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date) and tier <> 'all'
    group by 1
),
-- Executions, each counted on the one day it started on.
flows as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        sum(execution_count)::bigint as execution_count,
        sum(completed_count)::double precision / nullif(sum(execution_count), 0) as completed_ratio,
        sum(lost_before_clickhouse_count + lost_before_redis_count)::bigint as lost_count
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- Errors, and those that are new.
errors as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        sum(error_count)::bigint as error_count,
        count(*) filter (where is_new) as new_pattern_count
    from schedules.error_patterns_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- What reached Kafka.
publications as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        sum(published_count)::bigint as published_count
    from schedules.kafka_publish_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    period,
    day_count,
    attempt_count,
    failure_ratio,
    coalesce(execution_count, 0)::bigint as execution_count,
    completed_ratio,
    coalesce(lost_count, 0)::bigint as lost_count,
    coalesce(error_count, 0)::bigint as error_count,
    coalesce(new_pattern_count, 0)::bigint as new_pattern_count,
    coalesce(published_count, 0)::bigint as published_count
from days
left join flows using (period)
left join errors using (period)
left join publications using (period)
order by period
