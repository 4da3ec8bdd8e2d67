/*
description: >-
  The 50 modules whose downloads grew most in the last 7 days against the 7 before, and the 50 most downloaded new ones.
key: [module_name]
columns:
  rank: Position by growth, 1 for the most; ties by downloads, then in the order of their names; NULL for new modules.
  module_name: Module.
  download_count: Successful downloads in the last 7 days.
  previous_download_count: Successful downloads in the 7 days before.
  growth_ratio: Growth against the previous 7 days, 1.0 = doubled; NULL for new modules.
  is_new: No downloads in the previous 7 days, so there is nothing to compare with.
  last_day: Last of the 14 days, the newest day with statistics that is not far below its weekday's usual volume.
checks:
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 50}
  - expect_column_values_to_be_between: {column: growth_ratio, min_value: 0, strict_min: true}
*/
with
-- Events of the newest days and of the 8 weeks before them.
volumes as (
    select day, sum(download_count + failed_download_count)::bigint as volume
    from registry.module_stats_daily
    where day > (select max(day) from registry.module_stats_daily) - 63
    group by 1
),
-- One of the newest 7 days is usual if it has at least half of the median of its weekday in the 8 weeks before it.
judged as (
    select
        newest.day,
        count(past.volume) < 3
            or newest.volume >= 0.5 * percentile_cont(0.5) within group (order by past.volume) as is_usual
    from volumes as newest
    left join volumes as past
        on past.day < newest.day and past.day >= newest.day - 56 and (newest.day - past.day) % 7 = 0
    where newest.day > (select max(day) from volumes) - 7
    group by newest.day, newest.volume
),
-- The newest usual day, as one with far less is half loaded; the newest one if none is usual (a view has no clock).
latest as (
    select coalesce(max(case when is_usual then day end), max(day)) as last_day from judged
),
-- Both weeks of each module side by side.
modules as (
    select
        module_name,
        last_day,
        coalesce(sum(download_count) filter (where day > last_day - 7), 0)::bigint as download_count,
        coalesce(sum(download_count) filter (where day <= last_day - 7), 0)::bigint as previous_download_count
    from registry.module_stats_daily
    join latest on day > last_day - 14 and day <= last_day
    group by 1, 2
),
-- Modules that grew from enough downloads, and new ones, each ranked on their own.
candidates as (
    select
        module_name, download_count, previous_download_count, last_day,
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
        module_name, download_count, previous_download_count, growth_ratio, is_new, last_day
    from candidates
)
select
    case when not is_new then position end as rank,
    module_name,
    download_count,
    previous_download_count,
    growth_ratio,
    is_new,
    last_day
from ranked
where position <= 50
