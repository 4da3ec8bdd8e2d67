/*
description: What each organisation did with the registry per UTC day; of one that did nothing on a day there is no row.
key: [day, organization_id]
columns:
  day: UTC calendar day of the events.
  organization_id: Organisation.
  api_requests: All downloads, views and compilations of the organisation.
  downloads: Successful downloads.
  compilations: Compilations started.
  active_users: Distinct users of the organisation, over these events.
  storage_bytes: Bytes of the source of the versions it has registered, at the end of the day.
  modules_created: Modules of which it registered the first version on the day.
  versions_created: Versions that it registered on the day.
checks:
  - expect_column_values_to_be_between: {column: api_requests, min_value: 0}
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
),
-- What its users did together.
activity as (
    select
        day, organization_id,
        sum(api_requests)::bigint as api_requests, sum(downloads)::bigint as downloads,
        sum(compilations)::bigint as compilations, count(*) filter (where user_id <> '') as active_users
    from users
    group by 1, 2
),
-- What it has registered.
registered as (
    select day, organization_id, storage_bytes, modules_created, versions_created
    from registry.registry_size_daily
    where day >= :start::date and day < :end::date and organization_id <> ''
),
-- Whoever did anything.
organizations as (
    select day, organization_id from activity
    union
    select day, organization_id from registered where versions_created > 0
)
select
    day,
    organization_id,
    coalesce(api_requests, 0)::bigint as api_requests,
    coalesce(downloads, 0)::bigint as downloads,
    coalesce(compilations, 0)::bigint as compilations,
    coalesce(active_users, 0)::bigint as active_users,
    coalesce(storage_bytes, 0)::bigint as storage_bytes,
    coalesce(modules_created, 0)::bigint as modules_created,
    coalesce(versions_created, 0)::bigint as versions_created
from organizations
left join activity using (day, organization_id)
left join registered using (day, organization_id)
