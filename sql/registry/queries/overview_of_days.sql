/*
description: The registry as a whole at the end of each day; a day without events has no row.
columns:
  day: UTC calendar day.
  modules_seen: Distinct modules in the events of the day.
  versions_seen: Distinct versions of modules in the events of the day.
  view_count: Pages viewed, list and search pages included.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  compilation_count: Compilations started.
  active_users_1d: Distinct users of the day.
  active_users_7d: Distinct users of the 7 days up to and including the day.
  downloads_30d: Successful downloads of the 30 days up to and including the day.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
  compilation_cache_hit_ratio: Share of compilations that a cache answered, of those where it is known.
  error_ratio: Share of downloads and compilations that failed.
*/
select
    day, modules_seen, versions_seen, view_count, download_count, failed_download_count, compilation_count,
    active_users_1d, active_users_7d, downloads_30d, download_cache_hit_ratio, compilation_cache_hit_ratio, error_ratio
from registry.overview_daily
where day >= :start::date and day < :end::date
order by day
limit :limit
