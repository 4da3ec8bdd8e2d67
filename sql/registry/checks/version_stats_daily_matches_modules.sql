/*
description: The downloads of a module's versions add up to those of the module.
*/
with
-- Versions added up.
versions as (
    select day, module_name, sum(downloads) as downloads
    from registry.version_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The modules.
modules as (
    select day, module_name, download_count
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
)
select day, module_name, versions.downloads, modules.download_count
from versions
full join modules using (day, module_name)
where coalesce(versions.downloads, 0) <> coalesce(modules.download_count, 0)
