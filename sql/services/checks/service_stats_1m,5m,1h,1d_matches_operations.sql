/*
description: Events, errors and latencies of each service and day, added up, are those of its operations.
*/
with
-- What the table says.
told as (
    select
        day, service_id,
        sum(event_count) as event_count,
        sum(error_count) as error_count,
        sum(total_latency_ms) as total_latency_ms
    from services.service_stats_:grain
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Operations added up.
operations as (
    select
        day, service_id,
        sum(event_count) as event_count,
        sum(error_count) as error_count,
        sum(total_duration_ms) as total_duration_ms
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select
    day, service_id,
    told.event_count, operations.event_count as events_of_operations,
    told.error_count, operations.error_count as errors_of_operations,
    told.total_latency_ms, operations.total_duration_ms as duration_of_operations
from told
full join operations using (day, service_id)
where told.event_count is distinct from operations.event_count
   or told.error_count is distinct from operations.error_count
   or told.total_latency_ms is distinct from operations.total_duration_ms
