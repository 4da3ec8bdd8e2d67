/*
description: Each module of the view has the downloads its days have, in both weeks.
*/
with
-- The newest day there is.
latest as (
    select max(day) as last_day from registry.module_stats_daily
)
select trending.module_name, trending.download_count, trending.previous_download_count, trending.last_day
from registry.trending_modules as trending
cross join latest
where trending.download_count <> (
        select coalesce(sum(d.download_count), 0) from registry.module_stats_daily as d
        where d.module_name = trending.module_name and d.day > latest.last_day - 7
    )
    or trending.previous_download_count <> (
        select coalesce(sum(d.download_count), 0) from registry.module_stats_daily as d
        where d.module_name = trending.module_name
          and d.day > latest.last_day - 14 and d.day <= latest.last_day - 7
    )
