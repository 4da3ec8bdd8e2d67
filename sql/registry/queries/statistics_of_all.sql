/*
description: What was done with all modules and pages together, per day, ISO week or month.
parameters:
  unit: "Length of the periods: day, week or month."
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  view_count: Pages viewed, list and search pages included.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  active_users: Distinct users of the period, pages about no module included.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
  avg_compilation_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  total_download_bytes: Bytes of the successful downloads.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
*/
with
-- List and search pages are about no module, so that only the overview counts them.
totals as (
    select
        date_trunc(:unit, day)::date as first_day,
        sum(view_count)::bigint as view_count,
        sum(download_count)::bigint as download_count,
        sum(failed_download_count)::bigint as failed_download_count,
        sum(compilation_count)::bigint as compilation_count
    from registry.overview_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- What adds up over modules and is not in the overview.
modules as (
    select
        date_trunc(:unit, day)::date as first_day,
        sum(compilation_success_count) as compilation_success_count,
        sum(total_compilation_duration_ms)::double precision
            / nullif(sum(compilation_timed_count), 0) as avg_compilation_duration_ms,
        sum(total_download_bytes) as total_download_bytes,
        sum(download_cache_hit_count)::double precision
            / nullif(sum(download_cache_known_count), 0) as download_cache_hit_ratio
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- A user of several days counts once; grouping before counting is much faster than count(distinct).
users as (
    select first_day, count(*) as active_users
    from (
        select distinct date_trunc(:unit, day)::date as first_day, user_id
        from registry.active_users_daily
        where day >= :start::date and day < :end::date
    ) as distinct_users
    group by 1
)
select
    first_day, (first_day + ('1 ' || :unit)::interval)::date - 1 as last_day, view_count, download_count,
    failed_download_count, coalesce(active_users, 0)::bigint as active_users, compilation_count,
    coalesce(compilation_success_count, 0)::bigint as compilation_success_count, avg_compilation_duration_ms,
    coalesce(total_download_bytes, 0)::bigint as total_download_bytes, download_cache_hit_ratio
from totals
left join modules using (first_day)
left join users using (first_day)
order by first_day
limit :limit
