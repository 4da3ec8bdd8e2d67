/*
description: >-
  Operations, successes and latencies of each day, schema, operation and region are the sums of its hours.
*/
with
-- The hours, added up.
finer as (
    select
        day, day::timestamp at time zone 'UTC' as bucket, schema_id, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_1h
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
),
-- What the table says.
told as (
    select day, bucket, schema_id, operation, region, operation_count, success_count, total_latency_ms
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date
)
select
    day, bucket, schema_id, operation, region,
    told.operation_count, finer.operation_count as operations_of_hours,
    told.success_count, finer.success_count as successes_of_hours,
    told.total_latency_ms, finer.total_latency_ms as latency_of_hours
from told
full join finer using (day, bucket, schema_id, operation, region)
where told.operation_count is distinct from finer.operation_count
   or told.success_count is distinct from finer.success_count
   or told.total_latency_ms is distinct from finer.total_latency_ms
