/*
description: >-
  Operations, successes and latencies of each 5 minutes, scope, operation and region are the sums of its minutes. Schemas
  are compared with the hours, which are far fewer rows.
*/
with
-- The minutes, added up.
finer as (
    select
        day,
        bucket - (extract(minute from bucket at time zone 'UTC')::integer % 5) * interval '1 minute' as bucket,
        scope, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_1m
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
),
-- What the table says.
told as (
    select
        day, bucket, scope, operation, region,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count,
        sum(total_latency_ms) as total_latency_ms
    from usage.schema_usage_5m
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
)
select
    day, bucket, scope, operation, region,
    told.operation_count, finer.operation_count as operations_of_minutes,
    told.success_count, finer.success_count as successes_of_minutes,
    told.total_latency_ms, finer.total_latency_ms as latency_of_minutes
from told
full join finer using (day, bucket, scope, operation, region)
where told.operation_count is distinct from finer.operation_count
   or told.success_count is distinct from finer.success_count
   or told.total_latency_ms is distinct from finer.total_latency_ms
