/*
description: The downloads of the clients of a version add up to those of the version.
*/
with
-- Clients added up.
clients as (
    select day, module_name, version, sum(downloads) as downloads
    from registry.version_clients_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3
),
-- The versions.
versions as (
    select day, module_name, version, downloads
    from registry.version_stats_daily
    where day >= :start::date and day < :end::date
)
select
    day, module_name, version, clients.downloads as downloads_of_clients, versions.downloads as downloads_of_version
from clients
full join versions using (day, module_name, version)
where coalesce(clients.downloads, 0) <> coalesce(versions.downloads, 0)
