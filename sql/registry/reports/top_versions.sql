/*
description: The 20 versions with the most downloads of the period, each with its share of its module's downloads.
columns:
  rank: Position, 1 for the most downloads; ties in the order of modules and versions.
  module_name: Module.
  version: Version of the module.
  download_count: Successful downloads.
  previous_download_count: The same in the period it is compared with.
  growth_ratio: Growth against that period, 1.0 = doubled; NULL without downloads there.
  module_share_ratio: Share of the downloads of all versions of the module.
  highest_daily_unique_users: Distinct users of the day with the most of them.
*/
with
-- Both periods of each version side by side.
versions as (
    select
        module_name, version,
        coalesce(sum(downloads) filter (where day >= :start::date), 0)::bigint as download_count,
        coalesce(sum(downloads) filter (where day < :start::date), 0)::bigint as previous_download_count,
        max(unique_users) filter (where day >= :start::date) as highest_daily_unique_users
    from registry.version_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- Positions and shares among all versions, so that cutting the list changes neither.
ranked as (
    select
        row_number() over (order by download_count desc, module_name collate "C", version collate "C") as rank,
        module_name, version, download_count, previous_download_count, highest_daily_unique_users,
        sum(download_count) over (partition by module_name) as module_download_count
    from versions
    where download_count > 0
)
select
    rank,
    module_name,
    version,
    download_count,
    previous_download_count,
    download_count::double precision / nullif(previous_download_count, 0) - 1 as growth_ratio,
    download_count::double precision / module_download_count as module_share_ratio,
    highest_daily_unique_users
from ranked
where rank <= 20
order by rank
