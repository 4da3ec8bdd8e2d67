/*
description: The 100 modules with the most downloads over the 30 days up to the last complete day.
key: [module_name]
columns:
  rank: Position, 1 for the most downloads; ties in the order of their names.
  module_name: Module.
  download_count: Successful downloads in the 30 days.
  total_download_bytes: Bytes of these downloads.
  first_day: First of the 30 days.
  last_day: Last of the 30 days, the newest day with statistics that is not far below its weekday's usual volume.
checks:
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 100}
  - expect_column_values_to_be_unique: {column: rank}
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
-- One row per module downloaded in the 30 days.
modules as (
    select
        module_name,
        last_day,
        sum(download_count)::bigint as download_count,
        sum(total_download_bytes)::bigint as total_download_bytes
    from registry.module_stats_daily
    join latest on day > last_day - 30 and day <= last_day
    group by 1, 2
    having sum(download_count) > 0
),
-- The position among all of them, so that cutting the list cannot change it.
ranked as (
    select
        row_number() over (order by download_count desc, module_name collate "C") as rank,
        module_name, download_count, total_download_bytes, last_day
    from modules
)
select
    rank,
    module_name,
    download_count,
    total_download_bytes,
    (last_day - 29)::date as first_day,
    last_day
from ranked
where rank <= 100
