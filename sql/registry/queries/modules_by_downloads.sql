/*
description: Modules by their successful downloads in a range of days, all or those of a search, the most first.
parameters:
  search: A part of the module's name, in any case; empty for all modules.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position among all modules, 1 for the most downloads; ties in the order of their names.
  module_name: Module.
  download_count: Successful downloads.
  view_count: Pages viewed.
  total_download_bytes: Bytes of the successful downloads.
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
*/
with
-- Modules that were downloaded at all.
counted as (
    select
        module_name,
        sum(download_count)::bigint as download_count,
        sum(view_count)::bigint as view_count,
        sum(total_download_bytes)::bigint as total_download_bytes
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
    having sum(download_count) > 0
),
-- The position among all of them, before a page is cut out.
ranked as (
    select
        row_number() over (order by download_count desc, module_name collate "C") as rank,
        module_name, download_count, view_count, total_download_bytes
    from counted
)
select
    rank, module_name, download_count, view_count, total_download_bytes, :start::date as first_day,
    :end::date - 1 as last_day
from ranked
where (:search = '' or strpos(lower(module_name), lower(:search)) > 0) and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
