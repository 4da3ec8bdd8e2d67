/*
description: The uses of all fields of a day are the events of the day.
*/
with
-- What the table says.
told as (
    select day, sum(usage_count) as usage_count
    from registry.field_usage_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- The events themselves.
events as (
    select (used_at at time zone 'UTC')::date as day, count(*) as event_count
    from registry.field_usage_events
    where used_at >= :start and used_at < :end
    group by 1
)
select day, told.usage_count, events.event_count
from told
full join events using (day)
where coalesce(told.usage_count, 0) <> coalesce(events.event_count, 0)
