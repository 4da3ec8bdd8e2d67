/*
description: Operations, successes and latencies of each operation, region and day are those of its schemas.
*/
with
-- Latencies added up.
latencies as (
    select
        day, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(operation_count * latency_ms) as total_latency_ms
    from usage.latency_distribution_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3
),
-- The days of schemas, added up.
schemas as (
    select
        day, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'detail'
    group by 1, 2, 3
)
select
    day, operation, region,
    latencies.operation_count, schemas.operation_count as operations_of_schemas,
    latencies.success_count, schemas.success_count as successes_of_schemas,
    latencies.total_latency_ms, schemas.total_latency_ms as latency_of_schemas
from latencies
full join schemas using (day, operation, region)
where latencies.operation_count is distinct from schemas.operation_count
   or latencies.success_count is distinct from schemas.success_count
   or latencies.total_latency_ms is distinct from schemas.total_latency_ms
