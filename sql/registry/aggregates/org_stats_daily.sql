/*
description: What each organisation did with the registry per UTC day.
key: [day, organization_id]
columns:
  day: UTC calendar day of the events.
  organization_id: Organisation.
  api_requests: All events of the organisation.
  downloads: Successful downloads.
  compilations: Compilations started.
  active_users: Distinct users of the organisation, over all events.
checks:
  - expect_column_values_to_be_between: {column: api_requests, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: api_requests, column_B: downloads, or_equal: true}
*/
with
-- One row per user of an organisation, so that counting rows counts users.
users as (
    select
        day, organization_id, user_id,
        sum(view_count + download_count + failed_download_count + compilation_count) as api_requests,
        sum(download_count) as downloads,
        sum(compilation_count) as compilations
    from registry.module_activity_daily
    where day >= :start::date and day < :end::date and organization_id <> ''
    group by 1, 2, 3
)
select
    day,
    organization_id,
    sum(api_requests)::bigint as api_requests,
    sum(downloads)::bigint as downloads,
    sum(compilations)::bigint as compilations,
    count(*) filter (where user_id <> '') as active_users
from users
group by 1, 2
