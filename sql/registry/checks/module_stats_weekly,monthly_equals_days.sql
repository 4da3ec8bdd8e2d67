/*
description:
  weekly: The additive measures of a week are the sums of its days; its uniques lie between the largest day and the sum.
  monthly: The additive measures of a month are the sums of its days; its uniques lie between the largest day and the sum.
*/
with
-- What the table says.
told as (
    select :period, module_name, view_count, download_count, total_download_bytes, compilation_count, unique_users, unique_orgs
    from registry.module_stats_:grain
    where :period >= :start::date and :period < :end::date
),
-- The days, added up.
days as (
    select
        date_trunc(:bucket, day)::date as :period, module_name,
        sum(view_count) as view_count,
        sum(download_count) as download_count,
        sum(total_download_bytes) as total_download_bytes,
        sum(compilation_count) as compilation_count,
        max(unique_users) as users_of_largest_day, sum(unique_users) as users_added_up,
        max(unique_orgs) as orgs_of_largest_day, sum(unique_orgs) as orgs_added_up
    from registry.module_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select
    :period, module_name,
    told.view_count, days.view_count as views_of_days,
    told.download_count, days.download_count as downloads_of_days,
    told.total_download_bytes, days.total_download_bytes as bytes_of_days,
    told.compilation_count, days.compilation_count as compilations_of_days,
    unique_users, users_of_largest_day, users_added_up,
    unique_orgs, orgs_of_largest_day, orgs_added_up
from told
full join days using (:period, module_name)
where coalesce(told.view_count, -1) <> coalesce(days.view_count, -1)
   or coalesce(told.download_count, -1) <> coalesce(days.download_count, -1)
   or coalesce(told.total_download_bytes, -1) <> coalesce(days.total_download_bytes, -1)
   or coalesce(told.compilation_count, -1) <> coalesce(days.compilation_count, -1)
   or unique_users not between users_of_largest_day and users_added_up
   or unique_orgs not between orgs_of_largest_day and orgs_added_up
