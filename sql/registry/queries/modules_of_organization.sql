/*
description: Modules that one organisation downloaded in a range of days, the most downloads first.
parameters:
  organization: Organisation.
columns:
  module_name: Module.
  downloads: Successful downloads by the organisation.
  version_count: Versions of the module that it downloaded.
  last_download_day: Last day with a download.
*/
select
    module_name, sum(downloads)::bigint as downloads, count(distinct version) as version_count,
    max(day) as last_download_day
from registry.version_consumers_daily
where day >= :start::date and day < :end::date and organization_id = :organization
group by 1
order by downloads desc, module_name collate "C"
limit :limit
