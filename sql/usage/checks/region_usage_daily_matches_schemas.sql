/*
description: Operations, successes and latencies of each region and day, and what all regions have, are those of schemas.
*/
with
-- What the table says.
told as (
    select day, region, operation_count, success_count, total_latency_ms, global_p95_latency_ms
    from usage.region_usage_daily
    where day >= :start::date and day < :end::date
),
-- The days of schemas, added up.
schemas as (
    select
        day, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'detail'
    group by 1, 2
),
-- All events of a day, measured from themselves.
everywhere as (
    select day, p95_latency_ms
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'global'
)
select
    day, region,
    told.operation_count, schemas.operation_count as operations_of_schemas,
    told.success_count, schemas.success_count as successes_of_schemas,
    told.total_latency_ms, schemas.total_latency_ms as latency_of_schemas,
    told.global_p95_latency_ms, everywhere.p95_latency_ms as p95_of_events_ms
from told
full join schemas using (day, region)
left join everywhere using (day)
where told.operation_count is distinct from schemas.operation_count
   or told.success_count is distinct from schemas.success_count
   or told.total_latency_ms is distinct from schemas.total_latency_ms
   or abs(told.global_p95_latency_ms - everywhere.p95_latency_ms) > 0.000001
