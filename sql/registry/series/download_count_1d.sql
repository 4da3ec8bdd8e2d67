/*
description: Successful downloads, of the whole registry and of each module.
unit: count
entity: module
absent: zero
forecast: whole
*/
select day, ''::text as entity, download_count as value, download_count as weight
from registry.overview_daily
where day >= :start::date and day < :end::date
union all
select day, module_name, download_count, download_count
from registry.module_stats_daily
where day >= :start::date and day < :end::date
