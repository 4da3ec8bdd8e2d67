/*
description: The downloads of a day and of 30 days, and the users of a day, are those of the tables they come from.
*/
with
-- What the table says.
told as (
    select day, download_count, downloads_30d, active_users_1d
    from registry.overview_daily
    where day >= :start::date and day < :end::date
)
select told.day, told.download_count, told.downloads_30d, told.active_users_1d
from told
where download_count <> (
        select coalesce(sum(m.download_count), 0) from registry.module_stats_daily as m where m.day = told.day
    )
    or downloads_30d <> (
        select coalesce(sum(m.download_count), 0) from registry.module_stats_daily as m
        where m.day between told.day - 29 and told.day
    )
    or active_users_1d <> (select count(*) from registry.active_users_daily as u where u.day = told.day)
