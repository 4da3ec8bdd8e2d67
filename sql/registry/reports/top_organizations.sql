/*
description: The 20 organisations with the most requests of the period.
columns:
  rank: Position, 1 for the most requests; ties in the order of their names.
  organization_id: Organisation.
  request_count: All events of the organisation.
  previous_request_count: The same in the period it is compared with.
  growth_ratio: Growth against that period, 1.0 = doubled; NULL without requests there.
  download_count: Successful downloads.
  compilation_count: Compilations started.
  highest_daily_active_users: Distinct users of the day with the most of them.
*/
with
-- Both periods of each organisation side by side.
organizations as (
    select
        organization_id,
        coalesce(sum(api_requests) filter (where day >= :start::date), 0)::bigint as request_count,
        coalesce(sum(api_requests) filter (where day < :start::date), 0)::bigint as previous_request_count,
        coalesce(sum(downloads) filter (where day >= :start::date), 0)::bigint as download_count,
        coalesce(sum(compilations) filter (where day >= :start::date), 0)::bigint as compilation_count,
        max(active_users) filter (where day >= :start::date) as highest_daily_active_users
    from registry.org_stats_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The position among all that asked in the period.
ranked as (
    select
        row_number() over (order by request_count desc, organization_id collate "C") as rank,
        organization_id, request_count, previous_request_count, download_count, compilation_count,
        highest_daily_active_users
    from organizations
    where request_count > 0
)
select
    rank,
    organization_id,
    request_count,
    previous_request_count,
    request_count::double precision / nullif(previous_request_count, 0) - 1 as growth_ratio,
    download_count,
    compilation_count,
    highest_daily_active_users
from ranked
where rank <= 20
order by rank
