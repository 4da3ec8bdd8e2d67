/*
description: Successful downloads of each version of one module in a range of days, the most first.
parameters:
  module: Name of the module.
columns:
  version: Version of the module.
  downloads: Successful downloads.
  download_share_ratio: Share of the downloads of all versions in the same days.
*/
select
    version, sum(downloads)::bigint as downloads,
    sum(downloads)::double precision / sum(sum(downloads)) over () as download_share_ratio
from registry.version_stats_daily
where day >= :start::date and day < :end::date and module_name = :module
group by 1
order by downloads desc, version collate "C"
limit :limit
