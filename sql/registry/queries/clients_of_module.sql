/*
description: >-
  What downloads a module: the newest version each client library downloaded in the days, and how far it is behind. Those
  that are furthest behind come first.
parameters:
  module: Name of the module.
columns:
  sdk: Name of the client library; empty when it did not say; others beyond the first 20 of a version and day.
  sdk_version: Version of the client library; empty when it did not say, and for the others.
  newest_downloaded_version: The newest version it downloaded; NULL when none of them is registered.
  versions_behind: Versions that were registered after it until the end of the days; NULL as well.
  oldest_downloaded_version: The oldest version it downloaded; NULL as well.
  downloads: Successful downloads of all versions.
  last_download_day: Last day with a download.
*/
with
-- The versions of the module, the oldest with number 1.
versions as (
    select version, row_number() over (order by registered_at, version collate "C") as number
    from registry.module_catalog_daily
    where day < :end::date and module_name = :module
),
-- What each client downloaded.
consumers as (
    select
        sdk, sdk_version, min(number) as first_number, max(number) as last_number,
        sum(downloads)::bigint as downloads, max(day) as last_download_day
    from registry.version_clients_daily as consumed
    left join versions on versions.version = consumed.version
    where day >= :start::date and day < :end::date and module_name = :module
    group by 1, 2
)
select
    sdk, sdk_version, newest.version as newest_downloaded_version,
    (select max(number) from versions) - last_number as versions_behind,
    oldest.version as oldest_downloaded_version, downloads, last_download_day
from consumers
left join versions as newest on newest.number = last_number
left join versions as oldest on oldest.number = first_number
order by versions_behind desc nulls last, downloads desc, sdk collate "C", sdk_version collate "C"
limit :limit
