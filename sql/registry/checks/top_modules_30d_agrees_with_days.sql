/*
description: Each module of the view has the downloads its days have, and no module with more is left out.
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
-- The 30 days the view is about.
modules as (
    select module_name, sum(download_count) as download_count
    from registry.module_stats_daily
    join latest on day > last_day - 30 and day <= last_day
    group by 1
)
select module_name, top.rank, top.download_count, modules.download_count as downloads_of_days
from registry.top_modules_30d as top
full join modules using (module_name)
where (top.rank is not null and top.download_count is distinct from modules.download_count)
   or (
    top.rank is null and modules.download_count > 0
    and (
        (select count(*) from registry.top_modules_30d) < 100
        or modules.download_count > (select min(download_count) from registry.top_modules_30d)
    )
   )
