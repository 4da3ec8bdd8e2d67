/*
description: Compilations of each language on each day, the most compiled first.
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  language: Target language.
  compilation_count: Compilations started.
  compilation_share_ratio: Share of the compilations of all languages in the same days.
  success_count: Compilations that succeeded.
  failure_count: Compilations that failed.
  success_ratio: Share of the compilations that succeeded.
  avg_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  p50_duration_ms: Median of the known durations in milliseconds, continuous.
  p95_duration_ms: 95th percentile of the known durations in milliseconds, continuous.
  p99_duration_ms: 99th percentile of the known durations in milliseconds, continuous.
  total_output_bytes: Bytes of output, as far as known.
  cache_hit_count: Compilations that a cache answered.
  cache_miss_count: Compilations that no cache answered; where that is unknown, neither count has them.
*/
select
    day as first_day, day as last_day, language, compilation_count,
    compilation_count::double precision / sum(compilation_count) over (partition by day) as compilation_share_ratio,
    success_count, failure_count, success_count::double precision / compilation_count as success_ratio,
    avg_duration_ms, p50_duration_ms, p95_duration_ms, p99_duration_ms, total_output_bytes, cache_hit_count,
    cache_miss_count
from registry.language_stats_daily
where day >= :start::date and day < :end::date
order by day, compilation_count desc, language collate "C"
limit :limit
