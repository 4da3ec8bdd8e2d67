/*
description: Actions, users and new users of each day are those of its activity; no more sessions began than were there.
*/
with
-- What the table says.
told as (
    select day, event_count, active_users_1d, new_user_count, session_count
    from services.engagement_daily
    where day >= :start::date and day < :end::date
),
-- What users did.
activity as (
    select
        day,
        sum(event_count) as event_count,
        count(distinct user_id) as user_count,
        sum(case when session_id <> '' then 1 else 0 end) as session_count
    from services.user_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- New users.
newcomers as (
    select day, count(*) as new_user_count
    from services.new_users_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    told.event_count, activity.event_count as events_of_users,
    told.active_users_1d, activity.user_count as users_of_day,
    told.new_user_count, newcomers.new_user_count as new_users_of_day,
    told.session_count, activity.session_count as sessions_of_day
from told
full join activity using (day)
left join newcomers using (day)
where told.event_count is distinct from activity.event_count
   or told.active_users_1d is distinct from activity.user_count
   or told.new_user_count <> coalesce(newcomers.new_user_count, 0)
   or told.session_count > activity.session_count
