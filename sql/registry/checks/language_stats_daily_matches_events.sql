/*
description: Compilations, failures and output of each language and day are those of its events.
*/
with
-- What the table says.
told as (
    select day, language, compilation_count, failure_count, total_output_bytes
    from registry.language_stats_daily
    where day >= :start::date and day < :end::date
),
-- What the events say.
events as (
    select
        (started_at at time zone 'UTC')::date as day, language,
        count(*) as compilation_count,
        sum(case when success then 0 else 1 end) as failure_count,
        coalesce(sum(output_size), 0) as total_output_bytes
    from registry.compilation_events
    where started_at >= :start and started_at < :end
    group by 1, 2
)
select
    day, language,
    told.compilation_count, events.compilation_count as compilations_in_events,
    told.failure_count, events.failure_count as failures_in_events,
    told.total_output_bytes, events.total_output_bytes as output_in_events
from told
full join events using (day, language)
where coalesce(told.compilation_count, 0) <> coalesce(events.compilation_count, 0)
   or coalesce(told.failure_count, 0) <> coalesce(events.failure_count, 0)
   or coalesce(told.total_output_bytes, 0) <> coalesce(events.total_output_bytes, 0)
