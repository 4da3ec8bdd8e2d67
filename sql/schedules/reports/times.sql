/*
description: >-
  How long each kind of work waited and took in the period. Percentiles of days cannot be merged, so a period of
  several days shows the highest of its days; the means are exact.
columns:
  schedule_type: Tier; other for what passes no tiers.
  event_type: What was done.
  queue_timed_count: Attempts whose queue time is known.
  avg_queue_time_ms: Mean of the known queue times, in milliseconds; NULL when none is known.
  previous_avg_queue_time_ms: The same in the period before.
  highest_daily_p95_queue_time_ms: Highest daily 95th percentile of the queue time; of one day, its 95th percentile.
  processing_timed_count: Attempts whose processing time is known.
  avg_processing_time_ms: Mean of the known processing times, in milliseconds; NULL when none is known.
  previous_avg_processing_time_ms: The same in the period before.
  highest_daily_p95_processing_time_ms: Highest daily 95th percentile of the processing time; of one day, its 95th percentile.
*/
with
-- Both periods side by side.
kinds as (
    select
        schedule_type,
        event_type,
        coalesce(sum(attempt_count) filter (where day >= :start::date), 0) as attempt_count,
        coalesce(sum(queue_timed_count) filter (where day >= :start::date), 0)::bigint as queue_timed_count,
        sum(total_queue_time_ms) filter (where day >= :start::date) as total_queue_time_ms,
        sum(queue_timed_count) filter (where day < :start::date) as previous_queue_timed_count,
        sum(total_queue_time_ms) filter (where day < :start::date) as previous_total_queue_time_ms,
        max(p95_queue_time_ms) filter (where day >= :start::date) as highest_daily_p95_queue_time_ms,
        coalesce(sum(processing_timed_count) filter (where day >= :start::date), 0)::bigint as processing_timed_count,
        sum(total_processing_time_ms) filter (where day >= :start::date) as total_processing_time_ms,
        sum(processing_timed_count) filter (where day < :start::date) as previous_processing_timed_count,
        sum(total_processing_time_ms) filter (where day < :start::date) as previous_total_processing_time_ms,
        max(p95_processing_time_ms) filter (where day >= :start::date) as highest_daily_p95_processing_time_ms
    from schedules.schedule_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
)
select
    schedule_type,
    event_type,
    queue_timed_count,
    total_queue_time_ms::double precision / nullif(queue_timed_count, 0) as avg_queue_time_ms,
    previous_total_queue_time_ms::double precision
        / nullif(previous_queue_timed_count, 0) as previous_avg_queue_time_ms,
    highest_daily_p95_queue_time_ms,
    processing_timed_count,
    total_processing_time_ms::double precision / nullif(processing_timed_count, 0) as avg_processing_time_ms,
    previous_total_processing_time_ms::double precision
        / nullif(previous_processing_timed_count, 0) as previous_avg_processing_time_ms,
    highest_daily_p95_processing_time_ms
from kinds
where attempt_count > 0
order by
    case schedule_type when 'mongo' then 1 when 'clickhouse' then 2 when 'redis' then 3 else 4 end,
    event_type collate "C"
