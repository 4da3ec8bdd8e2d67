/*
description: Attempts and successes of each schedule and day are those of its events.
*/
with
-- What the table says.
told as (
    select day, schedule_id, attempt_count, success_count
    from schedules.schedule_performance_daily
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select
        (recorded_at at time zone 'UTC')::date as day, schedule_id,
        count(*) as attempt_count,
        sum(case result when 'success' then 1 else 0 end) as success_count
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2
)
select
    day, schedule_id,
    told.attempt_count, events.attempt_count as attempts_in_events,
    told.success_count, events.success_count as successes_in_events
from told
full join events using (day, schedule_id)
where coalesce(told.attempt_count, 0) <> coalesce(events.attempt_count, 0)
   or coalesce(told.success_count, 0) <> coalesce(events.success_count, 0)
