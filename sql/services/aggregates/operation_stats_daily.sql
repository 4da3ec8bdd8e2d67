/*
description: Each operation of each service per UTC day.
key: [day, service_id, operation]
columns:
  day: UTC calendar day of the events.
  service_id: Service that carried it out.
  operation: What was done.
  event_count: Times it was carried out.
  success_count: Times it succeeded.
  error_count: Times it failed; error_types_daily says how.
  error_rate: Share of the events that failed.
  timed_count: Events whose duration is known, failed ones included.
  total_duration_ms: Sum of the known durations, in milliseconds.
  avg_duration_ms: Mean duration in milliseconds; NULL when no duration is known.
  p50_duration_ms: Median duration in milliseconds, continuous.
  p95_duration_ms: 95th percentile of the duration in milliseconds, continuous.
  p99_duration_ms: 99th percentile of the duration in milliseconds, continuous.
  avg_resource_mb: >-
    Mean of the known memory in megabytes, each to its thousandth so that the sum does not depend on the order; NULL when
    none is known.
  p50_resource_mb: Median of the known memory in megabytes, continuous.
  p95_resource_mb: 95th percentile of the known memory in megabytes, continuous.
  max_resource_mb: Most memory in megabytes; NULL when none is known.
  avg_throughput: Mean of the known throughputs, in the unit of the operation, each to its thousandth; NULL when none is known.
  p50_throughput: Median of the known throughputs, continuous.
  p95_throughput: 95th percentile of the known throughputs, continuous.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_values_to_be_between: {column: error_rate, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: event_count, column_B: timed_count, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_duration_ms, column_B: p50_duration_ms, or_equal: true}
*/
select
    (occurred_at at time zone 'UTC')::date as day,
    service_id,
    operation,
    count(*) as event_count,
    count(*) filter (where success) as success_count,
    count(*) filter (where not success) as error_count,
    count(*) filter (where not success)::double precision / count(*) as error_rate,
    count(duration_ms) as timed_count,
    coalesce(sum(duration_ms), 0)::bigint as total_duration_ms,
    sum(duration_ms)::double precision / nullif(count(duration_ms), 0) as avg_duration_ms,
    (percentile_cont(0.50) within group (order by duration_ms))::double precision as p50_duration_ms,
    (percentile_cont(0.95) within group (order by duration_ms))::double precision as p95_duration_ms,
    (percentile_cont(0.99) within group (order by duration_ms))::double precision as p99_duration_ms,
    sum(cast(resource_mb as decimal(18, 3)))::double precision / nullif(count(resource_mb), 0) as avg_resource_mb,
    (percentile_cont(0.50) within group (order by resource_mb))::double precision as p50_resource_mb,
    (percentile_cont(0.95) within group (order by resource_mb))::double precision as p95_resource_mb,
    max(resource_mb) as max_resource_mb,
    sum(cast(throughput as decimal(18, 3)))::double precision / nullif(count(throughput), 0) as avg_throughput,
    (percentile_cont(0.50) within group (order by throughput))::double precision as p50_throughput,
    (percentile_cont(0.95) within group (order by throughput))::double precision as p95_throughput
from services.performance_events
where occurred_at >= :start and occurred_at < :end
group by 1, 2, 3
