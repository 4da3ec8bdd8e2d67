/*
description: >-
  Users and sessions of the streaming services at the end of each UTC day with actions. A session belongs to the day of its
  first action and is measured up to the end of that day: what goes on after midnight is no session of the next day. So a
  day is complete when it is over, and no session counts twice.
key: [day]
columns:
  day: UTC calendar day.
  event_count: Actions of the day.
  active_users_1d: Distinct users of the day (DAU).
  active_users_7d: Distinct users of the 7 days up to and including the day (WAU).
  active_users_30d: Distinct users of the 30 days up to and including the day (MAU).
  stickiness_ratio: Users of the day as a share of those of the 30 days.
  new_user_count: Users of the day who acted on none of the 365 days before it.
  returning_user_count: The other users of the day.
  session_count: Sessions that began on the day.
  session_action_count: Actions of these sessions on the day.
  bounce_count: Those sessions with one action only.
  total_session_ms: Sum of their lengths, each from the first to the last action, in whole milliseconds.
  avg_session_ms: Mean length in milliseconds; a session of one action has the length 0; NULL without sessions.
  median_session_ms: Median length in milliseconds, continuous; NULL without sessions.
  actions_per_session: Mean number of actions; NULL without sessions.
  bounce_ratio: Share of the sessions with one action only; NULL without sessions.
checks:
  - expect_column_values_to_be_between: {column: stickiness_ratio, min_value: 0, strict_min: true, max_value: 1}
  - expect_column_values_to_be_between: {column: bounce_ratio, min_value: 0, max_value: 1}
  - expect_column_values_to_be_between: {column: returning_user_count, min_value: 0}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: active_users_7d, column_B: active_users_1d, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: active_users_30d, column_B: active_users_7d, or_equal: true}
*/
with
-- Activity of 30 days up to each day of the window.
activity as (
    select day, user_id, session_id, event_count, first_at, last_at
    from services.user_activity_daily
    where day > :start::date - 30 and day < :end::date
),
-- The days of the window that have events.
days as (
    select day, sum(event_count)::bigint as event_count
    from activity
    where day >= :start::date
    group by 1
),
-- Rolling measures look back from each day, never at a clock.
users as (
    select
        days.day,
        count(distinct case when present.day = days.day then user_id end) as active_users_1d,
        count(distinct case when present.day > days.day - 7 then user_id end) as active_users_7d,
        count(distinct user_id) as active_users_30d
    from days
    join (select distinct day, user_id from activity) as present
        on present.day > days.day - 30 and present.day <= days.day
    group by 1
),
-- New users of each day.
newcomers as (
    select day, count(*) as new_user_count
    from services.new_users_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Sessions that were under way when a day began.
continued as (
    select day + 1 as day, user_id, session_id
    from activity
    where day >= :start::date - 1 and session_id <> ''
),
-- The sessions that began on each day, with their length in microseconds.
begun as (
    select
        activity.day, event_count,
        round(extract(epoch from last_at - first_at) * 1000000)::bigint as session_us
    from activity
    left join continued
        on continued.day = activity.day and continued.user_id = activity.user_id
            and continued.session_id = activity.session_id
    where activity.day >= :start::date and activity.session_id <> '' and continued.day is null
),
-- The same, rounded to whole milliseconds, whose sum does not depend on their order.
rounded as (
    select day, event_count, cast(session_us::double precision / 1000 as decimal(18, 0))::bigint as session_ms
    from begun
),
-- All sessions of each day.
sessions as (
    select
        day,
        count(*) as session_count,
        sum(event_count)::bigint as session_action_count,
        count(*) filter (where event_count = 1) as bounce_count,
        sum(session_ms)::bigint as total_session_ms,
        (percentile_cont(0.50) within group (order by session_ms))::double precision as median_session_ms
    from rounded
    group by 1
)
select
    day,
    event_count,
    active_users_1d,
    active_users_7d,
    active_users_30d,
    active_users_1d::double precision / active_users_30d as stickiness_ratio,
    coalesce(new_user_count, 0)::bigint as new_user_count,
    (active_users_1d - coalesce(new_user_count, 0))::bigint as returning_user_count,
    coalesce(session_count, 0)::bigint as session_count,
    coalesce(session_action_count, 0)::bigint as session_action_count,
    coalesce(bounce_count, 0)::bigint as bounce_count,
    coalesce(total_session_ms, 0)::bigint as total_session_ms,
    total_session_ms::double precision / session_count as avg_session_ms,
    median_session_ms,
    session_action_count::double precision / session_count as actions_per_session,
    bounce_count::double precision / session_count as bounce_ratio
from days
join users using (day)
left join newcomers using (day)
left join sessions using (day)
