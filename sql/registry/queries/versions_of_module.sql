/*
description: Versions of one module on each day or in all days together, the most downloads first.
parameters:
  by_day: Whether each day has rows of its own (true), or all days together (false).
  module: Name of the module.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_first_day: "`first_day` of the last row of the page before."
  after_rank: "`rank` of the last row of the page before."
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  rank: Position, 1 for the most downloads of the days.
  module_name: Module.
  version: Version of the module.
  downloads: Successful downloads.
  download_share_ratio: Share of the downloads of all versions in the same days.
  unique_users: Distinct users who downloaded it successfully in the days of the row, anonymous ones left out.
*/
with
-- What adds up over days.
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        version,
        sum(downloads)::bigint as downloads,
        max(unique_users) as unique_users
    from registry.version_stats_daily
    where day >= :start::date and day < :end::date and module_name = :module
    group by 1, 2
),
-- Positions and shares among all versions, before a page is cut out.
ranked as (
    select
        first_day, row_number() over (partition by first_day order by downloads desc, version collate "C") as rank,
        version, downloads, unique_users,
        downloads::double precision / sum(downloads) over (partition by first_day) as download_share_ratio
    from counted
),
-- A user of several days counts once, so these are counted again; the users of a single day are above.
users as (
    select version, count(*) as unique_users
    from (
        select distinct version, user_id
        from registry.module_activity_daily
        where not :by_day and day >= :start::date and day < :end::date and module_name = :module
          and user_id <> '' and download_count > 0
    ) as distinct_users
    group by 1
)
select
    first_day, case when :by_day then first_day else :end::date - 1 end as last_day, rank, :module as module_name,
    version, downloads, download_share_ratio,
    case when :by_day then ranked.unique_users else coalesce(users.unique_users, 0) end as unique_users
from ranked
left join users using (version)
where :is_first_page or (first_day, rank) > (:after_first_day::date, :after_rank)
order by first_day, rank
limit :limit
