/*
description: The newest day with statistics of modules; no row when there is none.
columns:
  day: UTC calendar day.
*/
select distinct day
from registry.module_stats_daily
where day = (select max(day) from registry.module_stats_daily)
