/*
description: Results, queue and processing times of each tier and kind of work, day by day.
parameters:
  schedule_type: Tier; empty for all.
columns:
  day: UTC calendar day the attempts were recorded on.
  schedule_type: Tier; other for what passes no tiers.
  event_type: What was done.
  execution_count: Distinct executions; one that was recorded on two days counts on both.
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
  throughput_per_hour: Attempts per hour, over all 24 hours.
  peak_hour: Hour of the day (0 to 23, UTC) with most attempts; the first of several.
*/
select
    day, schedule_type, event_type, execution_count, attempt_count, success_count, failure_count, timeout_count,
    retried_count, skipped_count, cancelled_count, success_rate, avg_queue_time_ms, p50_queue_time_ms,
    p95_queue_time_ms, p99_queue_time_ms, avg_processing_time_ms, p50_processing_time_ms, p95_processing_time_ms,
    p99_processing_time_ms, throughput_per_hour, peak_hour
from schedules.schedule_stats_daily
where day >= :start::date and day < :end::date and (:schedule_type = '' or schedule_type = :schedule_type)
order by day, schedule_type collate "C", event_type collate "C"
limit :limit
