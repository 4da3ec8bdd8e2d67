/*
description: What was done with schemas in the period and in the one before, by operation; the most frequent first.
columns:
  operation: Kind of operation.
  operation_count: Operations in the period.
  operation_ratio: Share of all operations of the period.
  previous_operation_count: Operations in the period before.
  growth_ratio: Growth against the period before; NULL when there were none.
  error_count: Operations of the period that failed.
  success_rate: Share of the operations of the period that succeeded.
  p50_latency_ms: Median latency of the whole period in milliseconds, continuous.
  p95_latency_ms: 95th percentile of the latency of the whole period in milliseconds, continuous.
*/
with
-- Operations of both periods by latency.
counted as (
    select
        operation, latency_ms,
        coalesce(sum(operation_count) filter (where day >= :start::date), 0)::bigint as operation_count,
        coalesce(sum(success_count) filter (where day >= :start::date), 0)::bigint as success_count,
        coalesce(sum(operation_count) filter (where day < :start::date), 0)::bigint as previous_operation_count
    from usage.latency_distribution_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- How many operations took no longer than each latency.
cumulated as (
    select
        operation, latency_ms, operation_count, success_count, previous_operation_count,
        sum(operation_count) over (partition by operation order by latency_ms) as operations_until,
        sum(operation_count) over (partition by operation) - 1 as last_position
    from counted
),
-- The latencies next to each percentile.
measured as (
    select
        operation, last_position,
        sum(operation_count)::bigint as operation_count,
        sum(success_count)::bigint as success_count,
        sum(previous_operation_count)::bigint as previous_operation_count,
        min(latency_ms) filter (where operations_until > floor(0.50 * last_position)) as p50_below,
        min(latency_ms) filter (where operations_until > ceil(0.50 * last_position)) as p50_above,
        min(latency_ms) filter (where operations_until > floor(0.95 * last_position)) as p95_below,
        min(latency_ms) filter (where operations_until > ceil(0.95 * last_position)) as p95_above
    from cumulated
    group by 1, 2
    having sum(operation_count) > 0
)
select
    operation,
    operation_count,
    operation_count::double precision / sum(operation_count) over () as operation_ratio,
    previous_operation_count,
    operation_count::double precision / nullif(previous_operation_count, 0) - 1 as growth_ratio,
    operation_count - success_count as error_count,
    success_count::double precision / operation_count as success_rate,
    (p50_below + (0.50 * last_position - floor(0.50 * last_position)) * (p50_above - p50_below))
        ::double precision as p50_latency_ms,
    (p95_below + (0.95 * last_position - floor(0.95 * last_position)) * (p95_above - p95_below))
        ::double precision as p95_latency_ms
from measured
order by operation_count desc, operation collate "C"
