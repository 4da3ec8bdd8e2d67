/*
description: Organisations that used one module in a range of days, the most downloads first.
parameters:
  module: Name of the module.
columns:
  organization_id: Organisation; events that name none do not count.
  download_count: Successful downloads.
  view_count: Pages viewed.
  unique_users: Distinct users over downloads and views, failed downloads included, anonymous ones left out.
*/
with
-- Each user of each organisation.
users as (
    select
        organization_id, user_id,
        sum(download_count) as download_count,
        sum(view_count) as view_count
    from registry.module_activity_daily
    where day >= :start::date and day < :end::date and module_name = :module and organization_id <> ''
      and view_count + download_count + failed_download_count > 0
    group by 1, 2
),
-- All users of each.
organizations as (
    select
        organization_id,
        sum(download_count)::bigint as download_count,
        sum(view_count)::bigint as view_count,
        count(case when user_id <> '' then 1 end) as unique_users
    from users
    group by 1
)
select organization_id, download_count, view_count, unique_users
from organizations
order by download_count desc, view_count desc, organization_id collate "C"
limit :limit
