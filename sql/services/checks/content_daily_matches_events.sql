/*
description: The actions of each content and day are those of its events.
*/
with
-- What the table says.
told as (
    select day, content_id, event_count, unique_users
    from services.content_daily
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select
        (occurred_at at time zone 'UTC')::date as day, content_id,
        count(*) as event_count, count(distinct user_id) as unique_users
    from services.user_behavior_events
    where occurred_at >= :start and occurred_at < :end and content_id is not null
    group by 1, 2
)
select
    day, content_id,
    told.event_count, events.event_count as count_of_events,
    told.unique_users, events.unique_users as users_in_events
from told
full join events using (day, content_id)
where told.event_count is distinct from events.event_count
   or told.unique_users is distinct from events.unique_users
