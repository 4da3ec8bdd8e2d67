/*
description:
  daily: What was done with one module, day by day.
  weekly: What was done with one module, ISO week by ISO week.
  monthly: What was done with one module, month by month.
parameters:
  module: Name of the module.
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  module_name: Module.
  view_count: Pages viewed.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  unique_users: Distinct users over downloads and views, failed downloads included, anonymous ones left out.
  unique_orgs: Distinct organisations over downloads and views, failed downloads included.
  compilation_count: Compilations started.
  compilation_success_count: Compilations that succeeded.
  avg_compilation_duration_ms: Mean of the known durations, in milliseconds; NULL when none is known.
  total_download_bytes: Bytes of the successful downloads.
  download_cache_hit_ratio: Share of downloads that a cache answered, of those where it is known.
*/
select
    stats.:period as first_day, (stats.:period + ('1 ' || :bucket)::interval)::date - 1 as last_day, module_name, view_count,
    download_count, failed_download_count, unique_users, unique_orgs, compilation_count, compilation_success_count,
    avg_compilation_duration_ms, total_download_bytes,
    download_cache_hit_count::double precision / nullif(download_cache_known_count, 0) as download_cache_hit_ratio
from registry.module_stats_:grain as stats
where stats.:period >= :start::date and stats.:period < :end::date and module_name = :module
order by stats.:period
limit :limit
