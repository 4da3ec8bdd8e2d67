/*
description: The registry in numbers, one row for the period and one for the period before it; no row where nothing happened.
columns:
  period: current or previous.
  day_count: Days with events.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  total_download_bytes: Bytes of the successful downloads.
  modules_downloaded: Distinct modules with a successful download.
  view_count: Pages viewed, list and search pages included.
  compilation_count: Compilations started.
  failed_compilation_count: Compilations that failed.
  active_users: Distinct users of the period, counted exactly.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
  error_ratio: Share of downloads and compilations that failed.
*/
with
-- Only the overview has all views, since those of list and search pages are about no module.
days as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        count(*) as day_count,
        sum(view_count)::bigint as view_count
    from registry.overview_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- One row per module, so that counting rows counts modules.
module_periods as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        module_name,
        sum(download_count) as download_count,
        sum(failed_download_count) as failed_download_count,
        sum(total_download_bytes) as total_download_bytes,
        sum(compilation_count) as compilation_count,
        sum(compilation_success_count) as compilation_success_count,
        sum(download_cache_hit_count) as download_cache_hit_count,
        sum(download_cache_known_count) as download_cache_known_count
    from registry.module_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- Downloads and compilations always name a module, so these are all of them.
totals as (
    select
        period,
        sum(download_count) as download_count,
        sum(failed_download_count) as failed_download_count,
        sum(total_download_bytes) as total_download_bytes,
        count(*) filter (where download_count > 0) as modules_downloaded,
        sum(compilation_count) as compilation_count,
        sum(compilation_count) - sum(compilation_success_count) as failed_compilation_count,
        sum(download_cache_hit_count) as download_cache_hit_count,
        sum(download_cache_known_count) as download_cache_known_count
    from module_periods
    group by 1
),
-- A user of several days counts once; grouping before counting is much faster than count(distinct).
users as (
    select period, count(*) as active_users
    from (
        select distinct case when day >= :start::date then 'current' else 'previous' end as period, user_id
        from registry.active_users_daily
        where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    ) as distinct_users
    group by 1
)
select
    period,
    day_count,
    coalesce(download_count, 0)::bigint as download_count,
    coalesce(failed_download_count, 0)::bigint as failed_download_count,
    coalesce(total_download_bytes, 0)::bigint as total_download_bytes,
    coalesce(modules_downloaded, 0)::bigint as modules_downloaded,
    view_count,
    coalesce(compilation_count, 0)::bigint as compilation_count,
    coalesce(failed_compilation_count, 0)::bigint as failed_compilation_count,
    coalesce(active_users, 0)::bigint as active_users,
    download_cache_hit_count::double precision / nullif(download_cache_known_count, 0) as download_cache_hit_ratio,
    (failed_download_count + failed_compilation_count)::double precision
        / nullif(download_count + failed_download_count + compilation_count, 0) as error_ratio
from days
left join totals using (period)
left join users using (period)
order by period
