/*
description: What each organisation did on each day or in all days together, the most requests first.
parameters:
  by_day: Whether each day has rows of its own (true), or all days together (false).
  organization: Organisation; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_first_day: "`first_day` of the last row of the page before."
  after_rank: "`rank` of the last row of the page before."
columns:
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
  rank: Position, 1 for the most requests of the days, among all organisations.
  organization_id: Organisation; empty when there is none.
  api_requests: All events of the organisation.
  downloads: Successful downloads.
  compilations: Compilations started.
  active_users: Distinct users of the organisation in the days of the row, over all events.
*/
with
-- What adds up over days.
counted as (
    select
        case when :by_day then day else :start::date end as first_day,
        organization_id,
        sum(api_requests)::bigint as api_requests,
        sum(downloads)::bigint as downloads,
        sum(compilations)::bigint as compilations,
        max(active_users) as active_users
    from registry.org_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The position among all organisations, before one of them is picked.
ranked as (
    select
        first_day,
        row_number() over (partition by first_day order by api_requests desc, organization_id collate "C") as rank,
        organization_id, api_requests, downloads, compilations, active_users
    from counted
),
-- A user of several days counts once, so these are counted again; the users of a single day are above.
users as (
    select organization_id, count(*) as active_users
    from (
        select distinct organization_id, user_id
        from registry.module_activity_daily
        where not :by_day and day >= :start::date and day < :end::date and organization_id <> '' and user_id <> ''
          and (:organization = '' or organization_id = :organization)
    ) as distinct_users
    group by 1
)
select
    first_day, case when :by_day then first_day else :end::date - 1 end as last_day, rank, organization_id,
    api_requests, downloads, compilations,
    case when :by_day then ranked.active_users else coalesce(users.active_users, 0) end as active_users
from ranked
left join users using (organization_id)
where (:organization = '' or organization_id = :organization)
  and (:is_first_page or (first_day, rank) > (:after_first_day::date, :after_rank))
order by first_day, rank
limit :limit
