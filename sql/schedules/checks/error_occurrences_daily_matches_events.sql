/*
description: The errors of each schedule and day are the events with an error message.
*/
with
-- What the table says.
told as (
    select day, schedule_id, sum(error_count) as error_count
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- What the events say.
events as (
    select (recorded_at at time zone 'UTC')::date as day, schedule_id, count(error_message) as error_count
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2
)
select day, schedule_id, told.error_count, events.error_count as errors_in_events
from told
full join events using (day, schedule_id)
where coalesce(told.error_count, 0) <> coalesce(events.error_count, 0)
