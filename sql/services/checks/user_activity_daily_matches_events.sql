/*
description: The actions of each day, added up over users and sessions, are its events.
*/
with
-- What the table says.
told as (
    select day, sum(event_count) as event_count, sum(success_count) as success_count
    from services.user_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What the events say.
events as (
    select
        (occurred_at at time zone 'UTC')::date as day,
        count(*) as event_count,
        sum(case when success then 1 else 0 end) as success_count
    from services.user_behavior_events
    where occurred_at >= :start and occurred_at < :end
    group by 1
)
select
    day,
    told.event_count, events.event_count as count_of_events,
    told.success_count, events.success_count as successes_in_events
from told
full join events using (day)
where told.event_count is distinct from events.event_count
   or told.success_count is distinct from events.success_count
