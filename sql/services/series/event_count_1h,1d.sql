/*
description:
  1h: Operations of each service.
  1d: Operations of each service.
unit: count
entity: service
absent: zero
forecast: each
*/
select day, bucket, service_id as entity, event_count as value, event_count as weight
from services.service_stats_:grain
where day >= :start::date and day < :end::date
