/*
description: How much each service did in the period, and in the period before; the most first.
columns:
  service_id: Service.
  event_count: Operations in the period.
  previous_event_count: Operations in the period before.
  throughput: Operations per second, over the days of the period on which it did anything.
  peak_throughput: Operations per second in its busiest hour of the period.
  error_ratio: Share of the operations of the period that failed.
  avg_latency_ms: Mean of the known durations in milliseconds; NULL when none is known.
  highest_daily_p95_latency_ms: Highest 95th percentile of any day of the period, in milliseconds.
*/
with
-- Both periods of each service.
services as (
    select
        service_id,
        count(*) filter (where day >= :start::date) as day_count,
        coalesce(sum(event_count) filter (where day >= :start::date), 0)::bigint as event_count,
        coalesce(sum(event_count) filter (where day < :start::date), 0)::bigint as previous_event_count,
        sum(error_count) filter (where day >= :start::date) as error_count,
        sum(total_latency_ms) filter (where day >= :start::date) as total_latency_ms,
        sum(timed_count) filter (where day >= :start::date) as timed_count,
        max(p95_latency_ms) filter (where day >= :start::date) as highest_daily_p95_latency_ms
    from services.service_stats_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The busiest hour of each.
peaks as (
    select service_id, max(throughput) as peak_throughput
    from services.service_stats_1h
    where day >= :start::date and day < :end::date
    group by 1
)
select
    service_id,
    event_count,
    previous_event_count,
    event_count::double precision / (86400 * day_count) as throughput,
    peak_throughput,
    error_count::double precision / event_count as error_ratio,
    total_latency_ms::double precision / nullif(timed_count, 0) as avg_latency_ms,
    highest_daily_p95_latency_ms
from services
left join peaks using (service_id)
where event_count > 0
order by event_count desc, service_id collate "C"
