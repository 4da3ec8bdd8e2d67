/*
description:
  1h: 95th percentile of the latency of each service; fewer than 20 known ones say nothing.
  1d: 95th percentile of the latency of each service; fewer than 20 known ones say nothing.
unit: ms
entity: service
bad: up
forecast: each
*/
select day, bucket, service_id as entity, p95_latency_ms as value, timed_count as weight
from services.service_stats_:grain
where day >= :start::date and day < :end::date and timed_count >= 20
