/*
description: Each module of the view has the downloads its days have, in both weeks up to the last day of usual volume.
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
)
select trending.module_name, trending.download_count, trending.previous_download_count, trending.last_day
from registry.trending_modules as trending
cross join latest
where trending.last_day <> latest.last_day
    or trending.download_count <> (
        select coalesce(sum(d.download_count), 0) from registry.module_stats_daily as d
        where d.module_name = trending.module_name
          and d.day > latest.last_day - 7 and d.day <= latest.last_day
    )
    or trending.previous_download_count <> (
        select coalesce(sum(d.download_count), 0) from registry.module_stats_daily as d
        where d.module_name = trending.module_name
          and d.day > latest.last_day - 14 and d.day <= latest.last_day - 7
    )
