/*
description: Which organisations downloaded each version of each module per UTC day.
key: [day, module_name, version, organization_id]
columns:
  day: UTC calendar day of the downloads.
  module_name: Module.
  version: Version of the module.
  organization_id: Organisation; empty for users without one.
  downloads: Successful downloads.
  unique_users: Distinct users of the organisation who downloaded it successfully, anonymous ones left out.
checks:
  - expect_column_values_to_be_between: {column: downloads, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: downloads, column_B: unique_users, or_equal: true}
*/
with
-- One row per user of an organisation, so that counting rows counts users.
users as (
    select day, module_name, version, organization_id, user_id, sum(download_count) as downloads
    from registry.module_activity_daily
    where day >= :start::date and day < :end::date and download_count > 0
    group by 1, 2, 3, 4, 5
)
select
    day,
    module_name,
    version,
    organization_id,
    sum(downloads)::bigint as downloads,
    count(*) filter (where user_id <> '') as unique_users
from users
group by 1, 2, 3, 4
