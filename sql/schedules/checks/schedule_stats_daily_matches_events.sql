/*
description: Attempts, results and times of each tier, kind of work and day are those of its events.
*/
with
-- What the table says.
told as (
    select
        day, schedule_type, event_type, attempt_count,
        success_count + failure_count + skipped_count + cancelled_count + timeout_count + retried_count as result_count,
        success_count, total_queue_time_ms, total_processing_time_ms
    from schedules.schedule_stats_daily
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select
        (recorded_at at time zone 'UTC')::date as day, schedule_type, event_type,
        count(*) as attempt_count,
        sum(case result when 'success' then 1 else 0 end) as success_count,
        coalesce(sum(queue_time_ms), 0) as total_queue_time_ms,
        coalesce(sum(processing_time_ms), 0) as total_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2, 3
)
select
    day, schedule_type, event_type,
    told.attempt_count, told.result_count, events.attempt_count as attempts_in_events,
    told.success_count, events.success_count as successes_in_events,
    told.total_queue_time_ms, events.total_queue_time_ms as queue_time_in_events,
    told.total_processing_time_ms, events.total_processing_time_ms as processing_time_in_events
from told
full join events using (day, schedule_type, event_type)
where coalesce(told.attempt_count, 0) <> coalesce(events.attempt_count, 0)
   or told.result_count <> told.attempt_count
   or coalesce(told.success_count, 0) <> coalesce(events.success_count, 0)
   or coalesce(told.total_queue_time_ms, 0) <> coalesce(events.total_queue_time_ms, 0)
   or coalesce(told.total_processing_time_ms, 0) <> coalesce(events.total_processing_time_ms, 0)
