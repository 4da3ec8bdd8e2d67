/*
description: Events, errors and durations of each service, operation and day are those of its events.
*/
with
-- What the table says.
told as (
    select day, service_id, operation, event_count, error_count, total_duration_ms
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select
        (occurred_at at time zone 'UTC')::date as day, service_id, operation,
        count(*) as event_count,
        sum(case when success then 0 else 1 end) as error_count,
        coalesce(sum(duration_ms), 0) as total_duration_ms
    from services.performance_events
    where occurred_at >= :start and occurred_at < :end
    group by 1, 2, 3
)
select
    day, service_id, operation,
    told.event_count, events.event_count as count_of_events,
    told.error_count, events.error_count as errors_in_events,
    told.total_duration_ms, events.total_duration_ms as duration_of_events
from told
full join events using (day, service_id, operation)
where told.event_count is distinct from events.event_count
   or told.error_count is distinct from events.error_count
   or told.total_duration_ms is distinct from events.total_duration_ms
