/*
description: Each module of the view has the downloads its days have, and no module with more is left out.
*/
with
-- The 30 days the view is about.
modules as (
    select module_name, sum(download_count) as download_count
    from registry.module_stats_daily
    where day > (select max(day) from registry.module_stats_daily) - 30
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
