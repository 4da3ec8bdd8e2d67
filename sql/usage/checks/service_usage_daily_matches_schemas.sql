/*
description: Operations, successes and latencies of each schema and day, added up over services, are those of its day.
*/
with
-- Services added up.
services as (
    select
        day, schema_id,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.service_usage_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The days of schemas.
schemas as (
    select day, schema_id, operation_count, success_count, total_latency_ms
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'schema'
)
select
    day, schema_id,
    services.operation_count, schemas.operation_count as operations_of_schema,
    services.success_count, schemas.success_count as successes_of_schema,
    services.total_latency_ms, schemas.total_latency_ms as latency_of_schema
from services
full join schemas using (day, schema_id)
where services.operation_count is distinct from schemas.operation_count
   or services.success_count is distinct from schemas.success_count
   or services.total_latency_ms is distinct from schemas.total_latency_ms
