/*
description: >-
  Operations, successes and latencies of each schema and day, added up over its minutes, are those of the events, in each
  of the three scopes.
*/
with
-- What the table says.
told as (
    select
        day, scope, schema_id,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_1m
    where day >= :start::date and day < :end::date
    group by 1, 2, 3
),
-- What the events say, of each schema and of all of them.
counted as (
    select
        (occurred_at at time zone 'UTC')::date as day, schema_id,
        count(*) as operation_count,
        count(*) filter (where success) as success_count,
        sum(latency_ms) as total_latency_ms
    from usage.schema_usage_events
    where occurred_at >= :start and occurred_at < :end
    group by 1, 2
),
-- The same for each scope.
events as (
    select day, scope, schema_id, operation_count, success_count, total_latency_ms
    from counted
    cross join (values ('detail'), ('schema')) as scopes (scope)
    union all
    select
        day, 'global', '00000000-0000-0000-0000-000000000000'::uuid,
        sum(operation_count), sum(success_count), sum(total_latency_ms)
    from counted
    group by 1
)
select
    day, scope, schema_id,
    told.operation_count, events.operation_count as operations_in_events,
    told.success_count, events.success_count as successes_in_events,
    told.total_latency_ms, events.total_latency_ms as latency_in_events
from told
full join events using (day, scope, schema_id)
where told.operation_count is distinct from events.operation_count
   or told.success_count is distinct from events.success_count
   or told.total_latency_ms is distinct from events.total_latency_ms
