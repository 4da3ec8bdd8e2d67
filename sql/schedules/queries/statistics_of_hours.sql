/*
description: Results, queue and processing times of each tier and kind of work, per hour.
parameters:
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  schedule_type: Tier; empty for all.
columns:
  bucket: Start of the hour.
  schedule_type: "Tier: mongo, clickhouse or redis; other for what passes no tiers, such as the pipeline's own runs."
  event_type: What was done, such as execution, transfer or processing.
  execution_count: Distinct executions of the hour.
  attempt_count: Attempts, one for each record.
  success_count: Attempts that succeeded.
  failure_count: Attempts that failed for good.
  timeout_count: Attempts that took too long.
  retried_count: Attempts that failed and are followed by another one.
  skipped_count: Attempts that were left out.
  cancelled_count: Attempts that were cancelled.
  success_rate: Share of successes among the attempts that ended in success, failure or timeout; NULL without any.
  avg_queue_time_ms: Mean of the known queue times, in milliseconds; NULL when none is known.
  p50_queue_time_ms: Median of the known queue times in milliseconds, continuous.
  p95_queue_time_ms: 95th percentile of the known queue times in milliseconds, continuous.
  p99_queue_time_ms: 99th percentile of the known queue times in milliseconds, continuous.
  avg_processing_time_ms: Mean of the known processing times, in milliseconds; NULL when none is known.
  p50_processing_time_ms: Median of the known processing times in milliseconds, continuous.
  p95_processing_time_ms: 95th percentile of the known processing times in milliseconds, continuous.
  p99_processing_time_ms: 99th percentile of the known processing times in milliseconds, continuous.
  throughput_per_hour: Attempts of the hour.
*/
with
-- Each hour from the records themselves.
hours as (
    select
        date_trunc('hour', recorded_at at time zone 'UTC') at time zone 'UTC' as bucket,
        schedule_type,
        event_type,
        count(distinct execution_id) as execution_count,
        count(*) as attempt_count,
        count(*) filter (where result = 'success') as success_count,
        count(*) filter (where result = 'failure') as failure_count,
        count(*) filter (where result = 'timeout') as timeout_count,
        count(*) filter (where result = 'retry') as retried_count,
        count(*) filter (where result = 'skipped') as skipped_count,
        count(*) filter (where result = 'cancelled') as cancelled_count,
        sum(queue_time_ms)::double precision / nullif(count(queue_time_ms), 0) as avg_queue_time_ms,
        (percentile_cont(0.50) within group (order by queue_time_ms))::double precision as p50_queue_time_ms,
        (percentile_cont(0.95) within group (order by queue_time_ms))::double precision as p95_queue_time_ms,
        (percentile_cont(0.99) within group (order by queue_time_ms))::double precision as p99_queue_time_ms,
        sum(processing_time_ms)::double precision / nullif(count(processing_time_ms), 0) as avg_processing_time_ms,
        (percentile_cont(0.50) within group (order by processing_time_ms))::double precision as p50_processing_time_ms,
        (percentile_cont(0.95) within group (order by processing_time_ms))::double precision as p95_processing_time_ms,
        (percentile_cont(0.99) within group (order by processing_time_ms))::double precision as p99_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :since and recorded_at < :until and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2, 3
)
select
    bucket, schedule_type, event_type, execution_count, attempt_count, success_count, failure_count, timeout_count,
    retried_count, skipped_count, cancelled_count,
    success_count::double precision / nullif(success_count + failure_count + timeout_count, 0) as success_rate,
    avg_queue_time_ms, p50_queue_time_ms, p95_queue_time_ms, p99_queue_time_ms, avg_processing_time_ms,
    p50_processing_time_ms, p95_processing_time_ms, p99_processing_time_ms,
    attempt_count::double precision as throughput_per_hour
from hours
order by bucket, schedule_type collate "C", event_type collate "C"
