/*
description: The users of a service and day have no more events than it had; a service whose events name users has some.
*/
with
-- What the table says.
told as (
    select day, service_id, sum(event_count) as event_count
    from services.top_users_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- All events of a service, and how many users its types had at most.
types as (
    select day, service_id, sum(event_count) as event_count, max(unique_users) as user_count
    from services.event_types_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select day, service_id, told.event_count, types.event_count as events_of_service, types.user_count
from told
full join types using (day, service_id)
where told.event_count > coalesce(types.event_count, 0) or (told.event_count is null and types.user_count > 0)
