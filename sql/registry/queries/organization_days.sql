/*
description: What one organisation did on each day, the oldest first.
parameters:
  organization: Organisation.
columns:
  day: UTC calendar day.
  requests: All downloads, views and compilations of the organisation.
  downloads: Successful downloads.
  compilations: Compilations started.
  active_users: Distinct users of the organisation, over these events.
  storage_bytes: Bytes of the source of the versions it has registered, at the end of the day.
  modules_created: Modules of which it registered the first version on the day.
  versions_created: Versions that it registered on the day.
*/
select
    day, api_requests as requests, downloads, compilations, active_users, storage_bytes, modules_created,
    versions_created
from registry.org_stats_daily
where day >= :start::date and day < :end::date and organization_id = :organization
order by day
limit :limit
