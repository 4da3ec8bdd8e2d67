/*
description: Operations from each region per UTC day, beside those of all regions.
key: [day, region]
columns:
  day: UTC calendar day of the operations.
  region: Region of the services that asked.
  operation_count: Operations.
  success_count: Operations that succeeded.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  total_latency_ms: Sum of the latencies, in milliseconds.
  avg_latency_ms: Mean latency in milliseconds.
  p50_latency_ms: Median latency in milliseconds, continuous.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous.
  operation_ratio: Share of the operations of all regions.
  global_success_rate: Share of the operations of all regions that succeeded.
  global_avg_latency_ms: Mean latency of all regions in milliseconds.
  global_p95_latency_ms: 95th percentile of the latency of all regions in milliseconds, continuous.
  success_rate_difference: The region's success rate less that of all regions; negative when it does worse.
  p95_latency_difference_ms: The region's 95th percentile less that of all regions; positive when it is slower.
checks:
  - expect_column_values_to_be_between: {column: operation_count, min_value: 1}
  - expect_column_values_to_be_between: {column: success_rate, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: operation_ratio, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p95_latency_ms, column_B: p50_latency_ms, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_latency_ms, column_B: p95_latency_ms, or_equal: true}
*/
with
-- Operations by latency, of each region and of all regions together, where region is NULL.
counted as (
    select
        day, region, latency_ms,
        sum(operation_count)::bigint as operation_count,
        sum(success_count)::bigint as success_count
    from usage.latency_distribution_daily
    where day >= :start::date and day < :end::date
    group by grouping sets ((day, region, latency_ms), (day, latency_ms))
),
-- How many operations took no longer than each latency.
cumulated as (
    select
        day, region, latency_ms, operation_count, success_count,
        sum(operation_count) over (partition by day, region order by latency_ms) as operations_until,
        sum(operation_count) over (partition by day, region) - 1 as last_position
    from counted
),
-- The latencies at the positions next to each percentile, counted from 0, and how far it lies between the two.
measured as (
    select
        day, region, last_position,
        sum(operation_count)::bigint as operation_count,
        sum(success_count)::bigint as success_count,
        sum(operation_count * latency_ms)::bigint as total_latency_ms,
        min(latency_ms) filter (where operations_until > floor(0.50 * last_position)) as p50_below,
        min(latency_ms) filter (where operations_until > ceil(0.50 * last_position)) as p50_above,
        min(latency_ms) filter (where operations_until > floor(0.95 * last_position)) as p95_below,
        min(latency_ms) filter (where operations_until > ceil(0.95 * last_position)) as p95_above,
        min(latency_ms) filter (where operations_until > floor(0.99 * last_position)) as p99_below,
        min(latency_ms) filter (where operations_until > ceil(0.99 * last_position)) as p99_above
    from cumulated
    group by 1, 2, 3
),
-- Continuous percentiles, as percentile_cont has them.
regions as (
    select
        day, region, operation_count, success_count, total_latency_ms,
        success_count::double precision / operation_count as success_rate,
        total_latency_ms::double precision / operation_count as avg_latency_ms,
        (p50_below + (0.50 * last_position - floor(0.50 * last_position)) * (p50_above - p50_below))
            ::double precision as p50_latency_ms,
        (p95_below + (0.95 * last_position - floor(0.95 * last_position)) * (p95_above - p95_below))
            ::double precision as p95_latency_ms,
        (p99_below + (0.99 * last_position - floor(0.99 * last_position)) * (p99_above - p99_below))
            ::double precision as p99_latency_ms
    from measured
)
select
    own.day,
    own.region,
    own.operation_count,
    own.success_count,
    own.operation_count - own.success_count as error_count,
    own.success_rate,
    own.total_latency_ms,
    own.avg_latency_ms,
    own.p50_latency_ms,
    own.p95_latency_ms,
    own.p99_latency_ms,
    own.operation_count::double precision / everywhere.operation_count as operation_ratio,
    everywhere.success_rate as global_success_rate,
    everywhere.avg_latency_ms as global_avg_latency_ms,
    everywhere.p95_latency_ms as global_p95_latency_ms,
    own.success_rate - everywhere.success_rate as success_rate_difference,
    own.p95_latency_ms - everywhere.p95_latency_ms as p95_latency_difference_ms
from regions as own
join regions as everywhere on everywhere.day = own.day and everywhere.region is null
where own.region is not null
