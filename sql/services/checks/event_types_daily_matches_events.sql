/*
description: The events of each service and day, added up over their types, are its service events.
*/
with
-- Types added up.
told as (
    select day, service_id, sum(event_count) as event_count
    from services.event_types_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- What the events say.
events as (
    select (occurred_at at time zone 'UTC')::date as day, service_id, count(*) as event_count
    from services.service_events
    where occurred_at >= :start and occurred_at < :end
    group by 1, 2
)
select day, service_id, told.event_count, events.event_count as count_of_events
from told
full join events using (day, service_id)
where told.event_count is distinct from events.event_count
