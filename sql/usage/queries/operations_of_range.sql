/*
description: What was done with all schemas on each day or in all days together, the most first.
parameters:
  by_day: Whether each day has rows of its own (true), or all days together (false).
  by_region: Whether each region has rows of its own (true), or all regions together (false).
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  operation: Kind of operation.
  region: Region of the services that asked; empty for all of them together.
  operation_count: Operations.
  operation_ratio: Share of all operations of the same days.
  schema_count: Distinct schemas of the days of the row.
  success_count: Operations that succeeded.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  avg_latency_ms: Mean latency in milliseconds.
  p50_latency_ms: Median of the latency in milliseconds, continuous, of all days of the row.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous, of all days of the row.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous, of all days of the row.
*/
with
-- Operations by latency; for all days together, the first day stands for the range.
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        operation,
        case when :by_region then region else '' end as region,
        latency_ms,
        sum(operation_count) as operation_count,
        sum(success_count) as success_count
    from usage.latency_distribution_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4
),
-- How many operations took no longer than each latency.
cumulated as (
    select
        first_day, operation, region, latency_ms, operation_count, success_count,
        sum(operation_count) over (
            partition by first_day, operation, region order by latency_ms
        ) as operations_until,
        sum(operation_count) over (partition by first_day, operation, region) - 1 as last_position
    from counted
),
-- The latencies at the positions next to each percentile, counted from 0.
measured as (
    select
        first_day, operation, region, last_position,
        sum(operation_count)::bigint as operation_count,
        sum(success_count)::bigint as success_count,
        sum(operation_count * latency_ms)::double precision as total_latency_ms,
        min(latency_ms) filter (where operations_until > floor(0.50 * last_position)) as p50_below,
        min(latency_ms) filter (where operations_until > ceil(0.50 * last_position)) as p50_above,
        min(latency_ms) filter (where operations_until > floor(0.95 * last_position)) as p95_below,
        min(latency_ms) filter (where operations_until > ceil(0.95 * last_position)) as p95_above,
        min(latency_ms) filter (where operations_until > floor(0.99 * last_position)) as p99_below,
        min(latency_ms) filter (where operations_until > ceil(0.99 * last_position)) as p99_above
    from cumulated
    group by 1, 2, 3, 4
),
-- Schemas of several days or regions count once.
used as (
    select
        case when :by_day then day else :start::date end as first_day,
        operation,
        case when :by_region then region else '' end as region,
        count(distinct schema_id) as schema_count
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'detail'
    group by 1, 2, 3
)
select
    first_day,
    case when :by_day then first_day else :end::date - 1 end as last_day,
    operation,
    region,
    operation_count,
    operation_count::double precision / sum(operation_count) over (partition by first_day) as operation_ratio,
    coalesce(schema_count, 0)::bigint as schema_count,
    success_count,
    operation_count - success_count as error_count,
    success_count::double precision / operation_count as success_rate,
    total_latency_ms / operation_count as avg_latency_ms,
    (p50_below + (0.50 * last_position - floor(0.50 * last_position)) * (p50_above - p50_below))
        ::double precision as p50_latency_ms,
    (p95_below + (0.95 * last_position - floor(0.95 * last_position)) * (p95_above - p95_below))
        ::double precision as p95_latency_ms,
    (p99_below + (0.99 * last_position - floor(0.99 * last_position)) * (p99_above - p99_below))
        ::double precision as p99_latency_ms
from measured
left join used using (first_day, operation, region)
order by first_day, operation_count desc, operation collate "C", region collate "C"
