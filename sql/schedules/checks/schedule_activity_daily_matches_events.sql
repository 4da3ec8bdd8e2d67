/*
description: Attempts, executions and times of each schedule and day are those of its events.
*/
with
-- What the table says.
told as (
    select
        day, schedule_id, execution_count, attempt_count,
        success_count + failure_count + skipped_count + cancelled_count + timeout_count + retried_count as result_count,
        total_queue_time_ms, total_processing_time_ms
    from schedules.schedule_activity_daily
    where day >= :start::date and day < :end::date
),
-- One row per execution first.
executions as (
    select
        (recorded_at at time zone 'UTC')::date as day, schedule_id, execution_id,
        count(*) as attempt_count,
        coalesce(sum(queue_time_ms), 0) as total_queue_time_ms,
        coalesce(sum(processing_time_ms), 0) as total_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2, 3
),
-- What the events say.
events as (
    select
        day, schedule_id,
        count(*) as execution_count,
        sum(attempt_count) as attempt_count,
        sum(total_queue_time_ms) as total_queue_time_ms,
        sum(total_processing_time_ms) as total_processing_time_ms
    from executions
    group by 1, 2
)
select
    day, schedule_id,
    told.execution_count, events.execution_count as executions_in_events,
    told.attempt_count, told.result_count, events.attempt_count as attempts_in_events,
    told.total_queue_time_ms, events.total_queue_time_ms as queue_time_in_events,
    told.total_processing_time_ms, events.total_processing_time_ms as processing_time_in_events
from told
full join events using (day, schedule_id)
where coalesce(told.execution_count, 0) <> coalesce(events.execution_count, 0)
   or coalesce(told.attempt_count, 0) <> coalesce(events.attempt_count, 0)
   or told.result_count <> told.attempt_count
   or coalesce(told.total_queue_time_ms, 0) <> coalesce(events.total_queue_time_ms, 0)
   or coalesce(told.total_processing_time_ms, 0) <> coalesce(events.total_processing_time_ms, 0)
