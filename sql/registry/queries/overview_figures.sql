/*
description: The registry as a whole at the end of a day, and of the days 1, 7 and 30 days before it, the newest first.
columns:
  day: UTC calendar day.
  modules: Modules with a registered version; of a registry that registers none, those in the events of the day.
  versions: Registered versions; of a registry that registers none, those in the events of the day.
  total_downloads_30d: Successful downloads of the 30 days up to and including the day.
  active_users_7d: Distinct users of the 7 days up to and including the day.
  download_cache_hit_rate: Share of downloads that a cache answered, of those where it is known.
  compilation_cache_hit_rate: Share of compilations that a cache answered, of those where it is known.
  error_ratio: Share of downloads and compilations that failed.
*/
select
    day, coalesce(nullif(modules, 0), modules_seen) as modules, coalesce(nullif(versions, 0), versions_seen) as versions,
    downloads_30d as total_downloads_30d, active_users_7d, download_cache_hit_ratio as download_cache_hit_rate,
    compilation_cache_hit_ratio as compilation_cache_hit_rate, error_ratio
from registry.overview_daily
where day >= :start::date and day < :end::date and :end::date - 1 - day in (0, 1, 7, 30)
order by day desc
limit :limit
