/*
description: >-
  The 20 modules whose downloads grew most against the period before, of those with enough downloads in it; then the 10
  most downloaded modules that had none in it.
columns:
  rank: Position by growth, 1 for the most; ties by downloads, then in the order of their names; NULL for new modules.
  module_name: Module.
  download_count: Successful downloads.
  previous_download_count: Successful downloads in the period before.
  growth_ratio: Growth against the period before, 1.0 = doubled; NULL for new modules.
  is_new: No downloads in the period before, so there is nothing to compare with.
*/
with
-- Both periods of each module side by side.
modules as (
    select
        module_name,
        coalesce(sum(download_count) filter (where day >= :start::date), 0)::bigint as download_count,
        coalesce(sum(download_count) filter (where day < :start::date), 0)::bigint as previous_download_count
    from registry.module_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- From few downloads, growth is chance.
candidates as (
    select
        module_name, download_count, previous_download_count,
        download_count::double precision / nullif(previous_download_count, 0) - 1 as growth_ratio,
        previous_download_count = 0 as is_new
    from modules
    where download_count > previous_download_count
      and (previous_download_count = 0 or previous_download_count >= :trending_min_downloads)
),
-- growth_ratio is NULL for all new modules, so their downloads order them.
ranked as (
    select
        row_number() over (
            partition by is_new order by growth_ratio desc, download_count desc, module_name collate "C"
        ) as position,
        module_name, download_count, previous_download_count, growth_ratio, is_new
    from candidates
)
select
    case when not is_new then position end as rank,
    module_name,
    download_count,
    previous_download_count,
    growth_ratio,
    is_new
from ranked
where position <= case when is_new then 10 else 20 end
order by is_new, position
