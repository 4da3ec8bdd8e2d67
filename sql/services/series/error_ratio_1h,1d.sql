/*
description:
  1h: Share of the operations of each service that failed; fewer than 20 of them say nothing.
  1d: Share of the operations of each service that failed; fewer than 20 of them say nothing.
unit: ratio
entity: service
bad: up
forecast: each
*/
select day, bucket, service_id as entity, error_rate as value, event_count as weight
from services.service_stats_:grain
where day >= :start::date and day < :end::date and event_count >= 20
