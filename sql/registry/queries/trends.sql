/*
description: Modules whose downloads grew most in the last 7 days against the 7 before; or new modules, the most downloaded first.
parameters:
  is_new: Modules without earlier downloads (true) or with some (false).
  direction: up or new; the answer repeats it.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  direction: up or new, as in the parameter.
  rank: Position, 1 for the largest growth, of new modules for the most downloads; ties in the order of their names.
  module_name: Module.
  download_count: Successful downloads in the last 7 days.
  previous_download_count: Successful downloads in the 7 days before.
  growth_ratio: Growth against the previous 7 days, 1.0 = doubled; NULL for new modules.
  last_day: Last of the 14 days, the newest day with statistics that is not far below its weekday's usual volume.
*/
with
-- New modules have no growth, so that their order is that of their downloads.
placed as (
    select
        row_number() over (order by rank, download_count desc, module_name collate "C") as rank,
        module_name, download_count, previous_download_count, growth_ratio, last_day
    from registry.trending_modules
    where is_new = :is_new
)
select :direction as direction, rank, module_name, download_count, previous_download_count, growth_ratio, last_day
from placed
where :is_first_page or rank > :after_rank
order by rank
limit :limit
