/*
description: Each service of a day is judged once, by all events of its operations; only a healthy one has no reason.
*/
with
-- What the table says.
told as (
    select day, service_id, status, reason, event_count
    from services.health_daily
    where day >= :start::date and day < :end::date
),
-- Operations added up.
operations as (
    select day, service_id, sum(event_count) as event_count
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select day, service_id, told.status, told.reason, told.event_count, operations.event_count as events_of_operations
from told
full join operations using (day, service_id)
where told.event_count is distinct from operations.event_count
   or (told.status = 'healthy') <> (told.reason is null)
