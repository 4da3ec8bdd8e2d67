/*
description: At most 50 modules whose downloads fell most in the last 7 days against the 7 before, the largest fall first.
parameters:
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  direction: down.
  rank: Position, 1 for the largest fall; ties by downloads before, then in the order of their names.
  module_name: Module.
  download_count: Successful downloads in the last 7 days.
  previous_download_count: Successful downloads in the 7 days before.
  growth_ratio: Growth against the previous 7 days, -1.0 = no more downloads.
  last_day: Last of the 14 days.
*/
with
-- Both weeks of each module side by side, as in the view trending_modules.
modules as (
    select
        module_name,
        coalesce(sum(download_count) filter (where day >= :end::date - 7), 0)::bigint as download_count,
        coalesce(sum(download_count) filter (where day < :end::date - 7), 0)::bigint as previous_download_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- The modules that fell from enough downloads, with their positions.
ranked as (
    select
        module_name, download_count, previous_download_count,
        download_count::double precision / previous_download_count - 1 as growth_ratio,
        row_number() over (
            order by
                download_count::double precision / previous_download_count,
                previous_download_count desc,
                module_name collate "C"
        ) as rank
    from modules
    where download_count < previous_download_count and previous_download_count >= :trending_min_downloads
)
select
    'down' as direction, rank, module_name, download_count, previous_download_count, growth_ratio,
    :end::date - 1 as last_day
from ranked
where rank <= 50 and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
