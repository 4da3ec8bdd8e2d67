/*
description: >-
  What downloaded each module in the days and how far behind it is, at most 100 client libraries a module, those furthest
  behind first; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  sdk: Name of the client library; empty when it did not say; others beyond the first 20 of a version and day.
  sdk_version: Version of the client library; empty when it did not say, and for the others.
  newest_downloaded_version: The newest version it downloaded; NULL when none of them is registered.
  versions_behind: Versions that were registered after it until the end of the days; NULL as well.
  downloads: Successful downloads of all versions.
  last_download_day: Last day with a download.
  client_count: Client libraries that downloaded the module, those without a name together as one.
*/
with
-- The versions of each module, the newest with number 0.
versions as (
    select
        module_name, version,
        row_number() over (partition by module_name order by registered_at desc, version collate "C" desc) - 1 as number
    from registry.module_catalog_daily
    where day < :end::date and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
),
-- What each client downloaded.
clients as (
    select
        consumed.module_name, consumed.sdk, consumed.sdk_version, min(versions.number) as versions_behind,
        sum(consumed.downloads)::bigint as downloads, max(consumed.day) as last_download_day
    from registry.version_clients_daily as consumed
    left join versions on versions.module_name = consumed.module_name and versions.version = consumed.version
    where consumed.day >= :start::date and consumed.day < :end::date
      and (:modules = '' or md5(consumed.module_name) in (select unnest(string_to_array(:modules, ','))))
    group by 1, 2, 3
),
-- Their places in the page of the module.
placed as (
    select
        module_name, sdk, sdk_version, versions_behind, downloads, last_download_day,
        row_number() over (
            partition by module_name
            order by versions_behind desc nulls last, downloads desc, sdk collate "C", sdk_version collate "C"
        ) as ordinal,
        count(*) over (partition by module_name) as client_count
    from clients
)
select
    placed.module_name, placed.sdk, placed.sdk_version, newest.version as newest_downloaded_version,
    placed.versions_behind, placed.downloads, placed.last_download_day, placed.client_count
from placed
left join versions as newest
    on newest.module_name = placed.module_name and newest.number = placed.versions_behind
where placed.ordinal <= 100
order by placed.module_name collate "C", placed.ordinal
