/*
description: >-
  How long compilations of each target language took in the period. Percentiles of days cannot be merged, so a
  period of several days shows the highest of its days; the mean is exact.
columns:
  language: Target language.
  compilation_count: Compilations started.
  timed_count: Compilations whose duration is known.
  avg_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  previous_avg_duration_ms: The same in the period before.
  highest_daily_p50_duration_ms: Highest daily median of the known durations, in milliseconds; of one day, its median.
  highest_daily_p95_duration_ms: Highest daily 95th percentile; of one day, its 95th percentile.
  highest_daily_p99_duration_ms: Highest daily 99th percentile; of one day, its 99th percentile.
  previous_highest_daily_p95_duration_ms: Highest daily 95th percentile in the period before.
*/
with
-- Both periods side by side; a language of the previous period only is left out below.
languages as (
    select
        language,
        coalesce(sum(compilation_count) filter (where day >= :start::date), 0)::bigint as compilation_count,
        coalesce(sum(timed_count) filter (where day >= :start::date), 0)::bigint as timed_count,
        sum(total_duration_ms) filter (where day >= :start::date) as total_duration_ms,
        coalesce(sum(timed_count) filter (where day < :start::date), 0)::bigint as previous_timed_count,
        sum(total_duration_ms) filter (where day < :start::date) as previous_total_duration_ms,
        max(p50_duration_ms) filter (where day >= :start::date) as highest_daily_p50_duration_ms,
        max(p95_duration_ms) filter (where day >= :start::date) as highest_daily_p95_duration_ms,
        max(p99_duration_ms) filter (where day >= :start::date) as highest_daily_p99_duration_ms,
        max(p95_duration_ms) filter (where day < :start::date) as previous_highest_daily_p95_duration_ms
    from registry.language_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    language,
    compilation_count,
    timed_count,
    total_duration_ms::double precision / nullif(timed_count, 0) as avg_duration_ms,
    previous_total_duration_ms::double precision / nullif(previous_timed_count, 0) as previous_avg_duration_ms,
    highest_daily_p50_duration_ms,
    highest_daily_p95_duration_ms,
    highest_daily_p99_duration_ms,
    previous_highest_daily_p95_duration_ms
from languages
where compilation_count > 0
order by compilation_count desc, language collate "C"
