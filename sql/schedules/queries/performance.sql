/*
description: How one schedule did, day by day, against its own 28 days before.
parameters:
  schedule_id: Schedule.
columns:
  day: UTC calendar day the attempts were recorded on.
  attempt_count: Attempts, one for each record.
  success_rate: Share of successes among the attempts that ended in success, failure or timeout; NULL without any.
  baseline_success_rate: Share of successes among all attempts of the baseline days that ended; NULL without any.
  success_rate_change: Success rate of the day less that of the baseline; NULL when either is NULL.
  avg_queue_time_ms: Mean of the known queue times, in milliseconds; NULL when none is known.
  baseline_avg_queue_time_ms: Mean of all known queue times of the baseline days, in milliseconds; NULL without any.
  p95_queue_time_ms: 95th percentile of the known queue times in milliseconds, continuous.
  usual_p95_queue_time_ms: Median over the baseline days of the daily 95th percentile of the queue time, in milliseconds; not a percentile of all their attempts.
  avg_processing_time_ms: Mean of the known processing times, in milliseconds; NULL when none is known.
  baseline_avg_processing_time_ms: Mean of all known processing times of the baseline days, in milliseconds; NULL without any.
  processing_time_ratio: Mean processing time of the day over that of the baseline, 2.0 = twice as slow; NULL when either is NULL, or the baseline is 0.
  p95_processing_time_ms: 95th percentile of the known processing times in milliseconds, continuous.
  usual_p95_processing_time_ms: Median over the baseline days of the daily 95th percentile of the processing time, in milliseconds; not a percentile of all their attempts.
  baseline_days: Baseline days, those of the 28 before that have attempts; 0 for a schedule that is new or was silent.
*/
select
    day, attempt_count, success_rate, baseline_success_rate, success_rate_change, avg_queue_time_ms,
    baseline_avg_queue_time_ms, p95_queue_time_ms, usual_p95_queue_time_ms, avg_processing_time_ms,
    baseline_avg_processing_time_ms, processing_time_ratio, p95_processing_time_ms, usual_p95_processing_time_ms,
    baseline_days
from schedules.schedule_performance_daily
where day >= :start::date and day < :end::date and schedule_id = :schedule_id
order by day
limit :limit
