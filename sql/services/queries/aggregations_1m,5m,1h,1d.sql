/*
description:
  1m: Operations of one service or of each of them per minute, the oldest first.
  5m: Operations of one service or of each of them per 5 minutes, the oldest first.
  1h: Operations of one service or of each of them per hour, the oldest first.
  1d: Operations of one service or of each of them per day, the oldest first.
parameters:
  first_day: UTC day of `since`.
  last_day: UTC day of `until`.
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  service_id: Service; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_bucket: "`bucket` of the last row of the page before."
  after_service_id: "`service_id` of the last row of the page before."
columns:
  bucket:
    1m: Start of the minute.
    5m: Start of the 5 minutes.
    1h: Start of the hour.
    1d: Start of the day.
  service_id: Service.
  event_count: Performance events, one for each operation that the service carried out.
  error_count: Those that failed.
  error_rate: Share of the events that failed.
  success_rate: Share of the events that succeeded.
  throughput: Events per second, over the whole length of the bucket.
  avg_latency_ms: Mean latency in milliseconds; NULL when no duration is known.
  p50_latency_ms: Median latency in milliseconds, continuous.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous.
*/
select
    bucket, service_id, event_count, error_count, error_rate, success_rate, throughput, avg_latency_ms, p50_latency_ms,
    p95_latency_ms, p99_latency_ms
from services.service_stats_:grain
where day >= :first_day::date and day <= :last_day::date
  and bucket >= :since and bucket < :until and (:service_id = '' or service_id = :service_id)
  and (
    :is_first_page
    or bucket > :after_bucket
    or (bucket = :after_bucket and service_id collate "C" > :after_service_id)
  )
order by bucket, service_id collate "C"
limit :limit
