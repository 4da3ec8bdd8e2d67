/*
description:
  1m: >-
    Operations on schemas per minute UTC: of each schema, operation and region; of each schema as a whole; of all schemas.
  5m: >-
    Operations on schemas per 5 minutes UTC: of each schema, operation and region; of each schema as a whole; of all schemas.
  1h: >-
    Operations on schemas per hour UTC: of each schema, operation and region; of each schema as a whole; of all schemas.
  1d: >-
    Operations on schemas per day UTC: of each schema, operation and region; of each schema as a whole; of all schemas.
kept: {1m: lake, 5m: lake}
key: [day, bucket, schema_id, operation, region]
columns:
  day: UTC calendar day of the bucket.
  bucket:
    1m: Start of the minute, which holds [bucket, bucket + 1 minute).
    5m: Start of the 5 minutes, which holds [bucket, bucket + 5 minutes).
    1h: Start of the hour, which holds [bucket, bucket + 1 hour).
    1d: Start of the day, which holds [bucket, bucket + 1 day).
  schema_id: Schema; the nil UUID, which no event may have, in the rows of all schemas.
  operation: Operation; empty in rows of all operations.
  region: Region; empty in rows of all regions.
  scope: detail = one schema, operation and region; schema = one schema, all its events; global = all events.
  operation_count: Operations.
  success_count: Operations that succeeded.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  total_latency_ms: Sum of the latencies, in milliseconds.
  avg_latency_ms: Mean latency in milliseconds.
  p50_latency_ms: Median latency in milliseconds, continuous, of the events of the row.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous, of the events of the row.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous, of the events of the row.
checks:
  - expect_column_values_to_be_in_set: {column: scope, value_set: [detail, schema, global]}
  - expect_column_values_to_be_between: {column: operation_count, min_value: 1}
  - expect_column_values_to_be_between: {column: success_rate, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p95_latency_ms, column_B: p50_latency_ms, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_latency_ms, column_B: p95_latency_ms, or_equal: true}
*/
with
-- Each event with its bucket, from the whole seconds since 1970 in UTC, since fractions may be rounded up.
events as (
    select
        to_timestamp(
            :bucket * floor(date_part('epoch', date_trunc('second', occurred_at at time zone 'UTC')) / :bucket)
        ) as bucket,
        schema_id, operation, region, latency_ms, success
    from usage.schema_usage_events
    where occurred_at >= :start and occurred_at < :end
),
-- Each scope from the events themselves, in one sort, since the three groupings are prefixes of one another.
measured as (
    select
        bucket, schema_id, operation, region,
        count(*) as operation_count,
        count(*) filter (where success) as success_count,
        sum(latency_ms)::bigint as total_latency_ms,
        (percentile_cont(0.50) within group (order by latency_ms))::double precision as p50_latency_ms,
        (percentile_cont(0.95) within group (order by latency_ms))::double precision as p95_latency_ms,
        (percentile_cont(0.99) within group (order by latency_ms))::double precision as p99_latency_ms
    from events
    group by grouping sets ((bucket, schema_id, operation, region), (bucket, schema_id), (bucket))
)
select
    (bucket at time zone 'UTC')::date as day,
    bucket,
    coalesce(schema_id, '00000000-0000-0000-0000-000000000000'::uuid) as schema_id,
    coalesce(operation, '') as operation,
    coalesce(region, '') as region,
    case when schema_id is null then 'global' when operation is null then 'schema' else 'detail' end as scope,
    operation_count,
    success_count,
    operation_count - success_count as error_count,
    success_count::double precision / operation_count as success_rate,
    total_latency_ms,
    total_latency_ms::double precision / operation_count as avg_latency_ms,
    p50_latency_ms,
    p95_latency_ms,
    p99_latency_ms
from measured
