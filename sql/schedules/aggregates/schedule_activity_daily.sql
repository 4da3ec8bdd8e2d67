/*
description: What each schedule did per UTC day, over all tiers. Baselines are made from it.
key: [day, schedule_id]
columns:
  day: UTC calendar day the attempts were recorded on.
  schedule_id: Schedule.
  execution_count: Distinct executions; one that was recorded on two days counts on both.
  attempt_count: Attempts, one for each record.
  success_count: Attempts that succeeded.
  failure_count: Attempts that failed for good.
  skipped_count: Attempts that were left out.
  timeout_count: Attempts that took too long.
  retried_count: Attempts that failed and are followed by another one.
  queue_timed_count: Attempts whose queue time is known.
  total_queue_time_ms: Sum of the known queue times, in milliseconds.
  p50_queue_time_ms: Median of the known queue times in milliseconds, continuous.
  p95_queue_time_ms: 95th percentile of the known queue times in milliseconds, continuous.
  p99_queue_time_ms: 99th percentile of the known queue times in milliseconds, continuous.
  processing_timed_count: Attempts whose processing time is known.
  total_processing_time_ms: Sum of the known processing times, in milliseconds.
  p50_processing_time_ms: Median of the known processing times in milliseconds, continuous.
  p95_processing_time_ms: 95th percentile of the known processing times in milliseconds, continuous.
  p99_processing_time_ms: 99th percentile of the known processing times in milliseconds, continuous.
  peak_hour: Hour of the day (0 to 23, UTC) with most attempts; the first of several.
  peak_hour_attempt_count: Attempts in that hour.
  cancelled_count: Attempts that were cancelled.
checks:
  - expect_column_values_to_be_between: {column: attempt_count, min_value: 1}
  - expect_column_values_to_be_between: {column: peak_hour, min_value: 0, max_value: 23}
*/
with
-- Attempts of each hour, the busiest first.
hours as (
    select
        day, schedule_id, hour_of_day, attempt_count,
        row_number() over (partition by day, schedule_id order by attempt_count desc, hour_of_day) as position
    from (
        select
            (recorded_at at time zone 'UTC')::date as day,
            schedule_id,
            extract(hour from recorded_at at time zone 'UTC')::bigint as hour_of_day,
            count(*) as attempt_count
        from schedules.schedule_events
        where recorded_at >= :start and recorded_at < :end
        group by 1, 2, 3
    ) as counted
),
-- Everything that is counted over the whole day.
days as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        schedule_id,
        count(distinct execution_id) as execution_count,
        count(*) as attempt_count,
        count(*) filter (where result = 'success') as success_count,
        count(*) filter (where result = 'failure') as failure_count,
        count(*) filter (where result = 'skipped') as skipped_count,
        count(*) filter (where result = 'cancelled') as cancelled_count,
        count(*) filter (where result = 'timeout') as timeout_count,
        count(*) filter (where result = 'retry') as retried_count,
        count(queue_time_ms) as queue_timed_count,
        coalesce(sum(queue_time_ms), 0)::bigint as total_queue_time_ms,
        (percentile_cont(0.50) within group (order by queue_time_ms))::double precision as p50_queue_time_ms,
        (percentile_cont(0.95) within group (order by queue_time_ms))::double precision as p95_queue_time_ms,
        (percentile_cont(0.99) within group (order by queue_time_ms))::double precision as p99_queue_time_ms,
        count(processing_time_ms) as processing_timed_count,
        coalesce(sum(processing_time_ms), 0)::bigint as total_processing_time_ms,
        (percentile_cont(0.50) within group (order by processing_time_ms))::double precision as p50_processing_time_ms,
        (percentile_cont(0.95) within group (order by processing_time_ms))::double precision as p95_processing_time_ms,
        (percentile_cont(0.99) within group (order by processing_time_ms))::double precision as p99_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2
)
select
    day,
    schedule_id,
    execution_count,
    days.attempt_count,
    success_count,
    failure_count,
    skipped_count,
    timeout_count,
    retried_count,
    queue_timed_count,
    total_queue_time_ms,
    p50_queue_time_ms,
    p95_queue_time_ms,
    p99_queue_time_ms,
    processing_timed_count,
    total_processing_time_ms,
    p50_processing_time_ms,
    p95_processing_time_ms,
    p99_processing_time_ms,
    hours.hour_of_day as peak_hour,
    hours.attempt_count as peak_hour_attempt_count,
    cancelled_count
from days
join hours using (day, schedule_id)
where position = 1
