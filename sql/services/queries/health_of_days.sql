/*
description: How healthy one service or each of them was on each day, the worst of a day first.
parameters:
  service_id: Service; empty for all.
columns:
  day: UTC calendar day.
  service_id: Service.
  status: healthy, degraded, critical, or unknown when the day has too few events.
  reason: Why it is not healthy, in a sentence for each cause; NULL when it is.
  event_count: Performance events of the day.
  error_rate: Share of the events that failed.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous; NULL when no duration is known.
*/
select day, service_id, status, reason, event_count, error_rate, p95_latency_ms
from services.health_daily
where day >= :start::date and day < :end::date and (:service_id = '' or service_id = :service_id)
order by
    day, case status when 'critical' then 1 when 'degraded' then 2 when 'healthy' then 3 else 4 end,
    service_id collate "C"
limit :limit
