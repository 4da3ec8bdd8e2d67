/*
description: Each day with events of the window, oldest first; a day without a row is a gap, not a zero.
columns:
  day: UTC calendar day.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  total_download_bytes: Bytes of the successful downloads.
  modules_downloaded: Distinct modules with a successful download.
  view_count: Pages viewed, list and search pages included.
  compilation_count: Compilations started.
  failed_compilation_count: Compilations that failed.
  active_users: Distinct users of the day.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
  error_ratio: Share of downloads and compilations that failed.
*/
with
-- What the overview does not have: bytes, and modules with a download.
downloads as (
    select
        day,
        sum(total_download_bytes) as total_download_bytes,
        count(*) filter (where download_count > 0) as modules_downloaded,
        sum(compilation_count) - sum(compilation_success_count) as failed_compilation_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    download_count,
    failed_download_count,
    coalesce(total_download_bytes, 0)::bigint as total_download_bytes,
    coalesce(modules_downloaded, 0)::bigint as modules_downloaded,
    view_count,
    compilation_count,
    coalesce(failed_compilation_count, 0)::bigint as failed_compilation_count,
    active_users_1d as active_users,
    download_cache_hit_ratio,
    error_ratio
from registry.overview_daily
left join downloads using (day)
where day >= :start::date and day < :end::date
order by day
