/*
description: Compilations of each language per UTC day.
key: [day, language]
columns:
  day: UTC calendar day the compilation started in.
  language: Target language.
  compilation_count: Compilations started.
  success_count: Compilations that succeeded.
  failure_count: Compilations that failed.
  timed_count: Compilations whose duration is known.
  total_duration_ms: Sum of the known durations, in milliseconds.
  avg_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  p50_duration_ms: Median of the known durations in milliseconds, continuous.
  p95_duration_ms: 95th percentile of the known durations in milliseconds, continuous.
  p99_duration_ms: 99th percentile of the known durations in milliseconds, continuous.
  total_output_bytes: Bytes of output, as far as known.
  cache_hit_count: Compilations that a cache answered.
  cache_miss_count: Compilations that no cache answered; where that is unknown, neither count has them.
checks:
  - expect_column_values_to_be_between: {column: compilation_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p95_duration_ms, column_B: p50_duration_ms, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_duration_ms, column_B: p95_duration_ms, or_equal: true}
*/
select
    (started_at at time zone 'UTC')::date as day,
    language,
    count(*) as compilation_count,
    count(*) filter (where success) as success_count,
    count(*) filter (where not success) as failure_count,
    count(duration_ms) as timed_count,
    coalesce(sum(duration_ms), 0)::bigint as total_duration_ms,
    sum(duration_ms)::double precision / nullif(count(duration_ms), 0) as avg_duration_ms,
    (percentile_cont(0.50) within group (order by duration_ms))::double precision as p50_duration_ms,
    (percentile_cont(0.95) within group (order by duration_ms))::double precision as p95_duration_ms,
    (percentile_cont(0.99) within group (order by duration_ms))::double precision as p99_duration_ms,
    coalesce(sum(output_size), 0)::bigint as total_output_bytes,
    count(*) filter (where cache_hit) as cache_hit_count,
    count(*) filter (where not cache_hit) as cache_miss_count
from registry.compilation_events
where started_at >= :start and started_at < :end
group by 1, 2
