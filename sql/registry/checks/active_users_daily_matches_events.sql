/*
description: The events of all users of a day are the events that name a user.
*/
with
-- What the table says.
told as (
    select day, sum(event_count) as event_count
    from registry.active_users_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Events with a user, of all three kinds.
events as (
    select day, sum(event_count) as event_count
    from (
        select (downloaded_at at time zone 'UTC')::date as day, count(user_id) as event_count
        from registry.download_events
        where downloaded_at >= :start and downloaded_at < :end
        group by 1
        union all
        select (viewed_at at time zone 'UTC')::date, count(user_id)
        from registry.module_view_events
        where viewed_at >= :start and viewed_at < :end
        group by 1
        union all
        select (started_at at time zone 'UTC')::date, count(user_id)
        from registry.compilation_events
        where started_at >= :start and started_at < :end
        group by 1
    ) as counted
    group by 1
)
select day, told.event_count, events.event_count as events_with_a_user
from told
full join events using (day)
where coalesce(told.event_count, 0) <> coalesce(events.event_count, 0)
