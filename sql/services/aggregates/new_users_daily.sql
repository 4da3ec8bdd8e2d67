/*
description: >-
  Users who acted on a UTC day and on none of the 365 days before it. Who comes back after a longer time is new again, so
  that a day never depends on more than a year, whatever else is kept.
key: [day, user_id]
columns:
  day: UTC calendar day on which the user was new.
  user_id: User.
  first_seen_at: When the user's first action began.
*/
with
-- Users of each day of the window.
present as (
    select day, user_id, min(first_at) as first_seen_at
    from services.user_activity_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The days of these users, and of nobody else, in the window and the year before it.
known as (
    select distinct day, user_id
    from services.user_activity_daily
    where day >= :start::date - 365 and day < :end::date and user_id in (select user_id from present)
),
-- Each of these days with the one before it.
followed as (
    select day, user_id, lag(day) over (partition by user_id order by day) as previous_day
    from known
)
select
    day,
    user_id,
    first_seen_at
from present
join followed using (day, user_id)
where previous_day is null or previous_day < day - 365
