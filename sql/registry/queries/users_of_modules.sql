/*
description: Distinct users of some modules in a range of days, over downloads and views.
parameters:
  modules: MD5 of the names of the modules, with commas between them.
columns:
  module_name: Module; one without such users has no row.
  unique_users: Distinct users over downloads and views, failed downloads included, anonymous ones left out.
*/
with
-- The modules first: there are few of them, and many rows of users.
modules as (
    select distinct module_name
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
      and md5(module_name) in (select unnest(string_to_array(:modules, ',')))
),
-- Each user of each module once.
users as (
    select distinct activity.module_name, user_id
    from registry.module_activity_daily as activity
    join modules on modules.module_name = activity.module_name
    where day >= :start::date and day < :end::date and user_id <> ''
      and view_count + download_count + failed_download_count > 0
)
select module_name, count(*) as unique_users
from users
group by 1
order by module_name collate "C"
limit :limit
