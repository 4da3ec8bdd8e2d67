/*
description: >-
  Operations, successes and latencies of each hour, schema, operation and region are the sums of its spans of 5 minutes.
*/
with
-- The spans of 5 minutes, added up.
finer as (
    select
        day, date_trunc('hour', bucket at time zone 'UTC') at time zone 'UTC' as bucket, schema_id, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_5m
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
),
-- What the table says.
told as (
    select day, bucket, schema_id, operation, region, operation_count, success_count, total_latency_ms
    from usage.schema_usage_1h
    where day >= :start::date and day < :end::date
)
select
    day, bucket, schema_id, operation, region,
    told.operation_count, finer.operation_count as operations_of_fives,
    told.success_count, finer.success_count as successes_of_fives,
    told.total_latency_ms, finer.total_latency_ms as latency_of_fives
from told
full join finer using (day, bucket, schema_id, operation, region)
where told.operation_count is distinct from finer.operation_count
   or told.success_count is distinct from finer.success_count
   or told.total_latency_ms is distinct from finer.total_latency_ms
