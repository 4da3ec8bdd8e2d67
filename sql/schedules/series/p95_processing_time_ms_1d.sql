/*
description: 95th percentile of the processing time of each tier and kind of work; fewer than 20 known times say nothing.
unit: ms
bad: up
*/
select
    day, schedule_type || ' ' || event_type as entity, p95_processing_time_ms as value,
    processing_timed_count as weight
from schedules.schedule_stats_daily
where day >= :start::date and day < :end::date and processing_timed_count >= 20
