/*
description: The 20 modules with the most downloads of the period, and where they stood the period before.
columns:
  rank: Position, 1 for the most downloads; ties in the order of their names.
  previous_rank: Position in the period before; NULL without downloads there.
  rank_change: Places gained, negative when lost; NULL without downloads in the period before.
  module_name: Module.
  download_count: Successful downloads.
  previous_download_count: Successful downloads in the period before.
  growth_ratio: Growth against the period before, 1.0 = doubled; NULL without downloads there.
  total_download_bytes: Bytes of the downloads.
*/
with
-- Both periods of each module side by side.
modules as (
    select
        module_name,
        coalesce(sum(download_count) filter (where day >= :start::date), 0)::bigint as download_count,
        coalesce(sum(download_count) filter (where day < :start::date), 0)::bigint as previous_download_count,
        coalesce(sum(total_download_bytes) filter (where day >= :start::date), 0)::bigint as total_download_bytes
    from registry.module_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- Positions among all modules, so that cutting the list cannot change them.
ranked as (
    select
        row_number() over (order by download_count desc, module_name collate "C") as rank,
        case when previous_download_count > 0 then
            row_number() over (order by previous_download_count desc, module_name collate "C")
        end as previous_rank,
        module_name, download_count, previous_download_count, total_download_bytes
    from modules
)
select
    rank,
    previous_rank,
    previous_rank - rank as rank_change,
    module_name,
    download_count,
    previous_download_count,
    download_count::double precision / nullif(previous_download_count, 0) - 1 as growth_ratio,
    total_download_bytes
from ranked
where rank <= 20 and download_count > 0
order by rank
