/*
description: How each schedule did per UTC day, against its own 28 days before.
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
  baseline_days: Baseline days, those of the 28 before that have attempts; 0 for a schedule that is new or was silent.
  baseline_attempts_per_day: Mean attempts of the baseline days; NULL without any.
  baseline_success_rate: Share of successes among all attempts of the baseline days that ended; NULL without any.
  baseline_avg_queue_time_ms: Mean of all known queue times of the baseline days, in milliseconds; NULL without any.
  baseline_avg_processing_time_ms: Mean of all known processing times of the baseline days, in milliseconds; NULL without any.
  usual_p95_queue_time_ms: Median over the baseline days of the daily 95th percentile of the queue time, in milliseconds; not a percentile of all their attempts.
  usual_p95_processing_time_ms: Median over the baseline days of the daily 95th percentile of the processing time, in milliseconds; not a percentile of all their attempts.
  success_rate_change: Success rate of the day less that of the baseline; NULL when either is NULL.
  processing_time_ratio: Mean processing time of the day over that of the baseline, 2.0 = twice as slow; NULL when either is NULL, or the baseline is 0.
  cancelled_count: Attempts that were cancelled.
checks:
  - expect_column_values_to_be_between: {column: attempt_count, min_value: 1}
  - expect_column_values_to_be_between: {column: success_rate, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: baseline_days, min_value: 0, max_value: 28}
  - expect_column_values_to_be_between: {column: baseline_success_rate, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: success_rate_change, min_value: -1, max_value: 1}
*/
with
-- The 28 days before each day together; sums and counts merge exactly.
baselines as (
    select
        today.day,
        today.schedule_id,
        count(*) as baseline_days,
        sum(past.attempt_count)::double precision / count(*) as baseline_attempts_per_day,
        sum(past.success_count)::double precision
            / nullif(sum(past.success_count + past.failure_count + past.timeout_count), 0) as baseline_success_rate,
        sum(past.total_queue_time_ms)::double precision
            / nullif(sum(past.queue_timed_count), 0) as baseline_avg_queue_time_ms,
        sum(past.total_processing_time_ms)::double precision
            / nullif(sum(past.processing_timed_count), 0) as baseline_avg_processing_time_ms,
        percentile_cont(0.5) within group (order by past.p95_queue_time_ms) as usual_p95_queue_time_ms,
        percentile_cont(0.5) within group (order by past.p95_processing_time_ms) as usual_p95_processing_time_ms
    from schedules.schedule_activity_daily as today
    join schedules.schedule_activity_daily as past
        on past.schedule_id = today.schedule_id and past.day >= today.day - 28 and past.day < today.day
    where today.day >= :start::date and today.day < :end::date
      and past.day >= :start::date - 28 and past.day < :end::date
    group by 1, 2
),
-- The day itself.
days as (
    select
        day, schedule_id, execution_count, attempt_count, success_count, failure_count, skipped_count, timeout_count,
        retried_count, cancelled_count, p50_queue_time_ms, p95_queue_time_ms, p99_queue_time_ms, p50_processing_time_ms,
        p95_processing_time_ms, p99_processing_time_ms, peak_hour,
        success_count::double precision / nullif(success_count + failure_count + timeout_count, 0) as success_rate,
        total_queue_time_ms::double precision / nullif(queue_timed_count, 0) as avg_queue_time_ms,
        total_processing_time_ms::double precision / nullif(processing_timed_count, 0) as avg_processing_time_ms
    from schedules.schedule_activity_daily
    where day >= :start::date and day < :end::date
)
select
    day,
    schedule_id,
    execution_count,
    attempt_count,
    success_count,
    failure_count,
    skipped_count,
    timeout_count,
    retried_count,
    success_rate,
    avg_queue_time_ms,
    p50_queue_time_ms,
    p95_queue_time_ms,
    p99_queue_time_ms,
    avg_processing_time_ms,
    p50_processing_time_ms,
    p95_processing_time_ms,
    p99_processing_time_ms,
    attempt_count::double precision / 24 as throughput_per_hour,
    peak_hour,
    coalesce(baseline_days, 0)::bigint as baseline_days,
    baseline_attempts_per_day,
    baseline_success_rate,
    baseline_avg_queue_time_ms,
    baseline_avg_processing_time_ms,
    usual_p95_queue_time_ms,
    usual_p95_processing_time_ms,
    success_rate - baseline_success_rate as success_rate_change,
    avg_processing_time_ms / nullif(baseline_avg_processing_time_ms, 0) as processing_time_ratio,
    cancelled_count
from days
left join baselines using (day, schedule_id)
