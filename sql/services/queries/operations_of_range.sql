/*
description: Operations of services in a range of days, those that took the most time in all first.
parameters:
  service_id: Service; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the most time; ties in the order of frequency and names.
  service_id: Service.
  operation: What was done.
  event_count: Times it was carried out.
  error_count: Times it failed.
  error_rate: Share of the events that failed.
  avg_duration_ms: Mean of the known durations in milliseconds; NULL when none is known.
  highest_daily_p95_duration_ms: Highest 95th percentile of any of the days, in milliseconds.
*/
with
-- Days put together.
operations as (
    select
        service_id, operation,
        sum(event_count)::bigint as event_count,
        sum(error_count)::bigint as error_count,
        sum(total_duration_ms) as total_duration_ms,
        sum(timed_count) as timed_count,
        max(p95_duration_ms) as highest_daily_p95_duration_ms
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date and (:service_id = '' or service_id = :service_id)
    group by 1, 2
),
-- The position among all of them, before a page is cut out.
ranked as (
    select
        row_number() over (
            order by total_duration_ms desc, event_count desc, service_id collate "C", operation collate "C"
        ) as rank,
        service_id, operation, event_count, error_count, total_duration_ms, timed_count, highest_daily_p95_duration_ms
    from operations
)
select
    rank,
    service_id,
    operation,
    event_count,
    error_count,
    error_count::double precision / event_count as error_rate,
    total_duration_ms::double precision / nullif(timed_count, 0) as avg_duration_ms,
    highest_daily_p95_duration_ms
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
