/*
description: >-
  Executions that started on a UTC day, followed through the three tiers to the end of the second day after it. Until
  these days are loaded an execution that is still under way counts as lost. Most are completed, lost or stopped; the rest
  succeeded in the third tier without a success in each tier before it.
key: [day]
columns:
  day: UTC calendar day the executions started on, at most 2 days before they were first recorded.
  execution_count: Executions that started; one that comes again after more than 2 days counts as another.
  mongo_count: Those recorded by the first tier.
  clickhouse_count: Those recorded by the second tier.
  redis_count: Those recorded by the third tier.
  completed_count: Those that succeeded in each of the three tiers, in whatever order these recorded it.
  lost_before_clickhouse_count: Those that succeeded in the first tier and were seen by no later one.
  lost_before_redis_count: Those that succeeded in the second tier and were not seen by the third.
  stopped_in_mongo_count: Those that came no further than the first tier and did not succeed there.
  stopped_in_clickhouse_count: Those that came no further than the second tier and did not succeed there.
  stopped_in_redis_count: Those that did not succeed in the third tier.
  completed_ratio: Share of executions that were completed.
  lost_ratio: Share of executions that were lost between two tiers.
  avg_end_to_end_ms: Mean time of the completed ones from their start to their publication, in milliseconds; NULL without any.
  p50_end_to_end_ms: Median of that time in milliseconds, continuous.
  p95_end_to_end_ms: 95th percentile of that time in milliseconds, continuous.
  p99_end_to_end_ms: 99th percentile of that time in milliseconds, continuous.
checks:
  - expect_column_values_to_be_between: {column: execution_count, min_value: 1}
  - expect_column_values_to_be_between: {column: completed_ratio, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: lost_ratio, min_value: 0, max_value: 1, severity: warning}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_end_to_end_ms, column_B: p50_end_to_end_ms, or_equal: true}
*/
with
-- Records of the tiers, also of the 2 days before and after the window: its executions may have records there.
records as (
    select
        execution_id,
        schedule_type,
        result = 'success' as is_success,
        (recorded_at at time zone 'UTC')::date as recorded_day,
        least(coalesce(queued_at, started_at, recorded_at), recorded_at) as began_at,
        coalesce(published_at, finished_at, recorded_at) as ended_at
    from schedules.schedule_events
    where recorded_at >= (:start::date - 2)::timestamp at time zone 'UTC'
      and recorded_at < (:end::date + 2)::timestamp at time zone 'UTC'
      and schedule_type in ('mongo', 'clickhouse', 'redis')
),
-- The day the execution began on by each record, at most 2 days before it: earlier days do not read the record.
dated as (
    select
        execution_id, schedule_type, is_success, recorded_day, began_at, ended_at,
        greatest((began_at at time zone 'UTC')::date, recorded_day - 2) as began_day
    from records
),
-- Each of these days of an execution, with the one before it.
beginnings as (
    select
        execution_id, began_day,
        lag(began_day) over (partition by execution_id order by began_day) as previous_day
    from (select distinct execution_id, began_day from dated) as distinct_days
),
-- An execution starts on a day on which it began, unless it also began in the 2 days before.
started as (
    select execution_id, began_day as day
    from beginnings
    where began_day >= :start::date and began_day < :end::date
      and (previous_day is null or previous_day < began_day - 2)
),
-- What became of each execution until the end of the second day after it.
executions as (
    select
        day,
        execution_id,
        bool_or(schedule_type = 'mongo') as has_mongo,
        bool_or(schedule_type = 'clickhouse') as has_clickhouse,
        bool_or(schedule_type = 'redis') as has_redis,
        bool_or(schedule_type = 'mongo' and is_success) as is_past_mongo,
        bool_or(schedule_type = 'clickhouse' and is_success) as is_past_clickhouse,
        bool_or(schedule_type = 'redis' and is_success) as is_past_redis,
        min(began_at) as began_at,
        max(case when schedule_type = 'redis' and is_success then ended_at end) as ended_at
    from started
    join dated using (execution_id)
    where began_day >= day and recorded_day <= day + 2
    group by 1, 2
),
-- The completed ones: a publication alone does not show that the tiers before it did their work.
judged as (
    select
        day, has_mongo, has_clickhouse, has_redis, is_past_mongo, is_past_clickhouse, is_past_redis, began_at, ended_at,
        is_past_mongo and is_past_clickhouse and is_past_redis as is_completed
    from executions
),
-- Their time from end to end, in whole microseconds, whose sum does not depend on their order.
timed as (
    select
        day, has_mongo, has_clickhouse, has_redis, is_past_mongo, is_past_clickhouse, is_past_redis, is_completed,
        case when is_completed then round(extract(epoch from ended_at - began_at) * 1000000)::bigint end as end_to_end_us
    from judged
)
select
    day,
    count(*) as execution_count,
    count(*) filter (where has_mongo) as mongo_count,
    count(*) filter (where has_clickhouse) as clickhouse_count,
    count(*) filter (where has_redis) as redis_count,
    count(*) filter (where is_completed) as completed_count,
    count(*) filter (where is_past_mongo and not has_clickhouse and not has_redis) as lost_before_clickhouse_count,
    count(*) filter (where is_past_clickhouse and not has_redis) as lost_before_redis_count,
    count(*) filter (
        where has_mongo and not is_past_mongo and not has_clickhouse and not has_redis
    ) as stopped_in_mongo_count,
    count(*) filter (
        where has_clickhouse and not is_past_clickhouse and not has_redis
    ) as stopped_in_clickhouse_count,
    count(*) filter (where has_redis and not is_past_redis) as stopped_in_redis_count,
    count(*) filter (where is_completed)::double precision / count(*) as completed_ratio,
    count(*) filter (
        where not has_redis and (is_past_clickhouse or (is_past_mongo and not has_clickhouse))
    )::double precision / count(*) as lost_ratio,
    sum(end_to_end_us)::double precision / 1000 / nullif(count(end_to_end_us), 0) as avg_end_to_end_ms,
    (percentile_cont(0.50) within group (order by end_to_end_us))::double precision / 1000 as p50_end_to_end_ms,
    (percentile_cont(0.95) within group (order by end_to_end_us))::double precision / 1000 as p95_end_to_end_ms,
    (percentile_cont(0.99) within group (order by end_to_end_us))::double precision / 1000 as p99_end_to_end_ms
from timed
group by 1
