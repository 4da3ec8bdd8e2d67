/*
description: Downloads, views and compilations of each module by ISO week, the newest first; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  week_start: Monday of the week.
  download_count: Successful downloads.
  failed_download_count: Failed downloads.
  view_count: Pages viewed.
  compilation_count: Compilations started.
  last_active_day: Last day of the week with any of these.
*/
select
    module_name,
    date_trunc('week', day::timestamp)::date as week_start,
    sum(download_count)::bigint as download_count,
    sum(failed_download_count)::bigint as failed_download_count,
    sum(view_count)::bigint as view_count,
    sum(compilation_count)::bigint as compilation_count,
    max(day) as last_active_day
from registry.module_stats_daily
where day >= :start::date and day < :end::date
  and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
group by 1, 2
order by module_name collate "C", week_start desc
