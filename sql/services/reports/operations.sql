/*
description: The 20 operations that took the most time in the period, beside the period before.
columns:
  rank: Position, 1 for the most time in all; ties in the order of their names.
  service_id: Service.
  operation: What was done.
  event_count: Times it was carried out in the period.
  previous_event_count: Times in the period before.
  error_ratio: Share of those of the period that failed.
  previous_error_ratio: The same in the period before; NULL without any.
  avg_duration_ms: Mean of the known durations in milliseconds; NULL when none is known.
  previous_avg_duration_ms: The same in the period before.
  highest_daily_p95_duration_ms: Highest 95th percentile of any day of the period, in milliseconds.
*/
with
-- Both periods of each operation.
operations as (
    select
        service_id, operation,
        coalesce(sum(event_count) filter (where day >= :start::date), 0)::bigint as event_count,
        coalesce(sum(event_count) filter (where day < :start::date), 0)::bigint as previous_event_count,
        sum(error_count) filter (where day >= :start::date) as error_count,
        sum(error_count) filter (where day < :start::date) as previous_error_count,
        sum(total_duration_ms) filter (where day >= :start::date) as total_duration_ms,
        sum(timed_count) filter (where day >= :start::date) as timed_count,
        sum(total_duration_ms) filter (where day < :start::date)::double precision
            / nullif(sum(timed_count) filter (where day < :start::date), 0) as previous_avg_duration_ms,
        max(p95_duration_ms) filter (where day >= :start::date) as highest_daily_p95_duration_ms
    from services.operation_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- The position among all that were carried out in the period.
ranked as (
    select
        row_number() over (
            order by total_duration_ms desc, event_count desc, service_id collate "C", operation collate "C"
        ) as rank,
        service_id, operation, event_count, previous_event_count, error_count, previous_error_count,
        total_duration_ms, timed_count, previous_avg_duration_ms, highest_daily_p95_duration_ms
    from operations
    where event_count > 0
)
select
    rank,
    service_id,
    operation,
    event_count,
    previous_event_count,
    error_count::double precision / event_count as error_ratio,
    previous_error_count::double precision / nullif(previous_event_count, 0) as previous_error_ratio,
    total_duration_ms::double precision / nullif(timed_count, 0) as avg_duration_ms,
    previous_avg_duration_ms,
    highest_daily_p95_duration_ms
from ranked
where rank <= 20
order by rank
