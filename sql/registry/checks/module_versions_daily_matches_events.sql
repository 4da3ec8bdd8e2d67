/*
description: Each version that was registered on a day has one row.
*/
with
-- What the table says.
told as (
    select day, count(*) as version_count
    from registry.module_versions_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- The versions in the events.
events as (
    select day, count(*) as version_count
    from (
        select distinct (registered_at at time zone 'UTC')::date as day, module_name, version
        from registry.module_versions
        where registered_at >= :start and registered_at < :end
    ) as distinct_versions
    group by 1
)
select day, told.version_count, events.version_count as versions_in_events
from told
full join events using (day)
where coalesce(told.version_count, 0) <> coalesce(events.version_count, 0)
