/*
description: Results, queue and processing times of each tier and kind of work in all days together.
parameters:
  schedule_type: Tier; empty for all.
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  schedule_type: "Tier: mongo, clickhouse or redis; other for what passes no tiers, such as the pipeline's own runs."
  event_type: What was done, such as execution, transfer or processing.
  execution_count: Distinct executions; NULL when records of the days are archived.
  attempt_count: Attempts, one for each record.
  success_count: Attempts that succeeded.
  failure_count: Attempts that failed for good.
  timeout_count: Attempts that took too long.
  retried_count: Attempts that failed and are followed by another one.
  skipped_count: Attempts that were left out.
  cancelled_count: Attempts that were cancelled.
  success_rate: Share of successes among the attempts that ended in success, failure or timeout; NULL without any.
  avg_queue_time_ms: Mean of the known queue times, in milliseconds; NULL when none is known.
  p50_queue_time_ms: Median of the known queue times in milliseconds, continuous; NULL when records of the days are archived.
  p95_queue_time_ms: 95th percentile of the known queue times in milliseconds, continuous; NULL when records of the days are archived.
  p99_queue_time_ms: 99th percentile of the known queue times in milliseconds, continuous; NULL when records of the days are archived.
  highest_daily_p95_queue_time_ms: The highest of the daily 95th percentiles of the queue time, in milliseconds; archived days are included.
  avg_processing_time_ms: Mean of the known processing times, in milliseconds; NULL when none is known.
  p50_processing_time_ms: Median of the known processing times in milliseconds, continuous; NULL when records of the days are archived.
  p95_processing_time_ms: 95th percentile of the known processing times in milliseconds, continuous; NULL when records of the days are archived.
  p99_processing_time_ms: 99th percentile of the known processing times in milliseconds, continuous; NULL when records of the days are archived.
  highest_daily_p95_processing_time_ms: The highest of the daily 95th percentiles of the processing time, in milliseconds; archived days are included.
  throughput_per_hour: Attempts per hour, over the hours of the days that are loaded.
*/
with
-- Measures that add up over days, from the daily table, which has days without raw rows, too.
days as (
    select
        schedule_type,
        event_type,
        sum(attempt_count)::bigint as attempt_count,
        sum(success_count)::bigint as success_count,
        sum(failure_count)::bigint as failure_count,
        sum(timeout_count)::bigint as timeout_count,
        sum(retried_count)::bigint as retried_count,
        sum(skipped_count)::bigint as skipped_count,
        sum(cancelled_count)::bigint as cancelled_count,
        sum(total_queue_time_ms)::double precision / nullif(sum(queue_timed_count), 0) as avg_queue_time_ms,
        sum(total_processing_time_ms)::double precision
            / nullif(sum(processing_timed_count), 0) as avg_processing_time_ms,
        max(p95_queue_time_ms) as highest_daily_p95_queue_time_ms,
        max(p95_processing_time_ms) as highest_daily_p95_processing_time_ms
    from schedules.schedule_stats_daily
    where day >= :start::date and day < :end::date and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2
),
-- Percentiles and distinct executions do not add up, so they come from the records.
events as (
    select
        schedule_type,
        event_type,
        count(distinct execution_id) as execution_count,
        count(*) as attempt_count,
        (percentile_cont(0.50) within group (order by queue_time_ms))::double precision as p50_queue_time_ms,
        (percentile_cont(0.95) within group (order by queue_time_ms))::double precision as p95_queue_time_ms,
        (percentile_cont(0.99) within group (order by queue_time_ms))::double precision as p99_queue_time_ms,
        (percentile_cont(0.50) within group (order by processing_time_ms))::double precision as p50_processing_time_ms,
        (percentile_cont(0.95) within group (order by processing_time_ms))::double precision as p95_processing_time_ms,
        (percentile_cont(0.99) within group (order by processing_time_ms))::double precision as p99_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2
),
-- The hours in which something could have been recorded.
loaded as (
    select 24 * count(*) as hour_count
    from ops.partitions
    where table_name = 'schedules.schedule_stats_daily' and period_start >= :start::date and period_start < :end::date
)
-- If there are fewer records than attempts, some were not kept, so these measures of the range are unknown.
select
    :start::date as first_day, :end::date - 1 as last_day, days.schedule_type, days.event_type,
    events.execution_count, days.attempt_count, days.success_count, days.failure_count, days.timeout_count,
    days.retried_count, days.skipped_count, days.cancelled_count,
    days.success_count::double precision
        / nullif(days.success_count + days.failure_count + days.timeout_count, 0) as success_rate,
    days.avg_queue_time_ms, events.p50_queue_time_ms, events.p95_queue_time_ms, events.p99_queue_time_ms,
    days.highest_daily_p95_queue_time_ms, days.avg_processing_time_ms, events.p50_processing_time_ms,
    events.p95_processing_time_ms, events.p99_processing_time_ms, days.highest_daily_p95_processing_time_ms,
    days.attempt_count::double precision / nullif(loaded.hour_count, 0) as throughput_per_hour
from days
cross join loaded
left join events
    on events.schedule_type = days.schedule_type and events.event_type = days.event_type
    and events.attempt_count = days.attempt_count
order by days.schedule_type collate "C", days.event_type collate "C"
