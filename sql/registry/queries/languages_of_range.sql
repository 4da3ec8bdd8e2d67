/*
description: Compilations of each language in all days together, the most compiled first.
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
  p50_duration_ms: Median of the known durations in milliseconds, continuous; NULL when events of the days are archived.
  p95_duration_ms: 95th percentile of the known durations in milliseconds, continuous; NULL when events of the days are archived.
  p99_duration_ms: 99th percentile of the known durations in milliseconds, continuous; NULL when events of the days are archived.
  highest_daily_p95_duration_ms: The highest of the daily 95th percentiles, in milliseconds; archived days are included.
  total_output_bytes: Bytes of output, as far as known.
  cache_hit_count: Compilations that a cache answered.
  cache_miss_count: Compilations that no cache answered; where that is unknown, neither count has them.
*/
with
-- Measures that add up over days, from the daily table, which has days without raw rows, too.
days as (
    select
        language,
        sum(compilation_count)::bigint as compilation_count,
        sum(success_count)::bigint as success_count,
        sum(failure_count)::bigint as failure_count,
        sum(total_duration_ms)::double precision / nullif(sum(timed_count), 0) as avg_duration_ms,
        max(p95_duration_ms) as highest_daily_p95_duration_ms,
        sum(total_output_bytes)::bigint as total_output_bytes,
        sum(cache_hit_count)::bigint as cache_hit_count,
        sum(cache_miss_count)::bigint as cache_miss_count
    from registry.language_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Percentiles do not add up, so they come from the events.
events as (
    select
        language,
        count(*) as compilation_count,
        (percentile_cont(0.50) within group (order by duration_ms))::double precision as p50_duration_ms,
        (percentile_cont(0.95) within group (order by duration_ms))::double precision as p95_duration_ms,
        (percentile_cont(0.99) within group (order by duration_ms))::double precision as p99_duration_ms
    from registry.compilation_events
    where started_at >= :start and started_at < :end
    group by 1
)
-- If there are fewer events than compilations, some were not kept, so the percentiles of the range are unknown.
select
    :start::date as first_day, :end::date - 1 as last_day, days.language, days.compilation_count,
    days.compilation_count::double precision / sum(days.compilation_count) over () as compilation_share_ratio,
    days.success_count, days.failure_count,
    days.success_count::double precision / days.compilation_count as success_ratio, days.avg_duration_ms,
    events.p50_duration_ms, events.p95_duration_ms, events.p99_duration_ms, days.highest_daily_p95_duration_ms,
    days.total_output_bytes, days.cache_hit_count, days.cache_miss_count
from days
left join events on events.language = days.language and events.compilation_count = days.compilation_count
order by days.compilation_count desc, days.language collate "C"
limit :limit
