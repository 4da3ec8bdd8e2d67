/*
description: >-
  Which client libraries downloaded each version of each module per UTC day: the 20 with the most downloads, and all others
  in one row.
key: [day, module_name, version, sdk, sdk_version]
columns:
  day: UTC calendar day of the downloads.
  module_name: Module.
  version: Version of the module.
  sdk: Name of the client library, its first 100 characters; empty when it did not say; others beyond the first 20.
  sdk_version: Version of the client library, its first 100 characters; empty when it did not say, and for the others.
  downloads: Successful downloads.
checks:
  - expect_column_values_to_be_between: {column: downloads, min_value: 1}
*/
with
-- Clients name themselves, so that their names have any length and number: both are bounded.
clients as (
    select
        (downloaded_at at time zone 'UTC')::date as day,
        module_name,
        version,
        left(coalesce(client_sdk, ''), 100) as sdk,
        left(coalesce(client_version, ''), 100) as sdk_version,
        count(*) as downloads
    from registry.download_events
    where downloaded_at >= :start and downloaded_at < :end and success
    group by 1, 2, 3, 4, 5
),
-- Their places, ties in the order of their names.
ranked as (
    select
        day, module_name, version, sdk, sdk_version, downloads,
        row_number() over (
            partition by day, module_name, version
            order by downloads desc, sdk collate "C", sdk_version collate "C"
        ) as position
    from clients
),
-- One name for all that are beyond the first 20.
named as (
    select
        day, module_name, version, downloads,
        case when position <= 20 then sdk else 'others' end as sdk,
        case when position <= 20 then sdk_version else '' end as sdk_version
    from ranked
)
select
    day,
    module_name,
    version,
    sdk,
    sdk_version,
    sum(downloads)::bigint as downloads
from named
group by 1, 2, 3, 4, 5
