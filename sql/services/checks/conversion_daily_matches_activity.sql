/*
description: Sessions of each day are those of its activity that were not under way on the day before; so are the started ones.
*/
with
-- What the table says.
told as (
    select day, session_count, started_count
    from services.conversion_daily
    where day >= :start::date and day < :end::date
),
-- What users did in sessions.
activity as (
    select day, user_id, session_id, conversion_start_at
    from services.user_activity_daily
    where day >= :start::date - 1 and day < :end::date and session_id <> ''
),
-- Sessions that began on the day.
begun as (
    select a.day, count(*) as session_count, count(a.conversion_start_at) as started_count
    from activity as a
    where a.day >= :start::date and not exists (
        select 1 from activity as b
        where b.user_id = a.user_id and b.session_id = a.session_id and b.day = a.day - 1
    )
    group by 1
)
select
    day,
    told.session_count, begun.session_count as sessions_begun,
    told.started_count, begun.started_count as sessions_started
from told
full join begun using (day)
where coalesce(told.session_count, 0) <> coalesce(begun.session_count, 0)
   or coalesce(told.started_count, 0) <> coalesce(begun.started_count, 0)
