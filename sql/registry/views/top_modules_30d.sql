/*
description: The 100 modules with the most downloads over the 30 days up to the last complete day.
key: [module_name]
columns:
  rank: Position, 1 for the most downloads; ties in the order of their names.
  module_name: Module.
  download_count: Successful downloads in the 30 days.
  total_download_bytes: Bytes of these downloads.
  first_day: First of the 30 days.
  last_day: Last of the 30 days, the newest day with statistics.
checks:
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 100}
  - expect_column_values_to_be_unique: {column: rank}
*/
with
-- The last complete day is the newest one that was aggregated: no clock in here.
latest as (
    select max(day) as last_day from registry.module_stats_daily
),
-- One row per module downloaded in the 30 days.
modules as (
    select
        module_name,
        last_day,
        sum(download_count)::bigint as download_count,
        sum(total_download_bytes)::bigint as total_download_bytes
    from registry.module_stats_daily
    join latest on day > last_day - 30
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
