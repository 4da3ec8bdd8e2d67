/*
description: >-
  The newest 50 versions of each module, the newest first, with what they changed and their downloads in the days; for the
  pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  version: Version of the module.
  first_day: Day it was registered on.
  field_count: Fields, values of enums and methods.
  change_count: Changes from the version before.
  breaking_count: Elements that it breaks for users of the version before.
  fault: Why it could not be read as a whole; NULL when it could.
  obstacle: Why it could not be compared with the version before; NULL when it could, and for the first.
  downloads: Successful downloads in the days.
  consumer_count: Organisations that downloaded it in the days.
  last_download_day: Last of the days with a download; NULL without one.
  version_count: All versions of the module.
*/
with
-- The versions of each module, the newest with number 1.
versions as (
    select
        module_name, version, day, field_count, change_count, breaking_count, fault, obstacle,
        row_number() over (partition by module_name order by registered_at desc, version collate "C" desc) as number,
        count(*) over (partition by module_name) as version_count
    from registry.module_catalog_daily
    where day < :end::date and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
),
-- Downloads of each version.
downloaded as (
    select
        module_name, version, sum(downloads)::bigint as downloads,
        count(distinct organization_id) filter (where organization_id <> '') as consumer_count,
        max(day) as last_download_day
    from registry.version_consumers_daily
    where day >= :start::date and day < :end::date
      and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
    group by 1, 2
)
select
    versions.module_name, versions.version, versions.day as first_day, versions.field_count, versions.change_count,
    versions.breaking_count, versions.fault, versions.obstacle, coalesce(downloaded.downloads, 0) as downloads,
    coalesce(downloaded.consumer_count, 0) as consumer_count, downloaded.last_download_day, versions.version_count
from versions
left join downloaded on downloaded.module_name = versions.module_name and downloaded.version = versions.version
where versions.number <= 50
order by versions.module_name collate "C", versions.number
