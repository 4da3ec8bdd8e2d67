/*
description: >-
  Users and sessions of the period, beside those of the one before; users as of the newest day with actions of each. No row
  where the period has no actions.
columns:
  day: The newest day with actions, whose rolling figures these are.
  active_users_1d: Distinct users of that day.
  active_users_7d: Distinct users of the 7 days up to it.
  active_users_30d: Distinct users of the 30 days up to it.
  stickiness_ratio: Users of the day as a share of those of the 30 days.
  new_user_count: New users of the whole period.
  session_count: Sessions of the whole period.
  avg_session_ms: Mean length of these sessions in milliseconds; NULL without any.
  actions_per_session: Mean number of their actions; NULL without any.
  bounce_ratio: Share of them with one action only; NULL without any.
  previous_active_users_1d: The same of the period before; NULL without any.
  previous_active_users_7d: The same of the period before; NULL without any.
  previous_active_users_30d: The same of the period before; NULL without any.
  previous_stickiness_ratio: The same of the period before; NULL without any.
  previous_new_user_count: The same of the period before; NULL without any.
  previous_session_count: The same of the period before; NULL without any.
  previous_avg_session_ms: The same of the period before; NULL without any.
  previous_actions_per_session: The same of the period before; NULL without any.
  previous_bounce_ratio: The same of the period before; NULL without any.
*/
with
-- All days of both periods, the newest of each first.
days as (
    select
        day >= :start::date as is_current,
        day, active_users_1d, active_users_7d, active_users_30d, stickiness_ratio, new_user_count, session_count,
        session_action_count, bounce_count, total_session_ms,
        row_number() over (partition by day >= :start::date order by day desc) as place
    from services.engagement_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- What may be added up.
totals as (
    select
        is_current,
        sum(new_user_count)::bigint as new_user_count,
        sum(session_count)::bigint as session_count,
        sum(session_action_count) as session_action_count,
        sum(bounce_count) as bounce_count,
        sum(total_session_ms) as total_session_ms
    from days
    group by 1
),
-- Each period in one row.
periods as (
    select
        totals.is_current, day, active_users_1d, active_users_7d, active_users_30d, stickiness_ratio,
        totals.new_user_count, totals.session_count,
        totals.total_session_ms::double precision / nullif(totals.session_count, 0) as avg_session_ms,
        totals.session_action_count::double precision / nullif(totals.session_count, 0) as actions_per_session,
        totals.bounce_count::double precision / nullif(totals.session_count, 0) as bounce_ratio
    from totals
    join days on days.is_current = totals.is_current and place = 1
)
select
    now.day,
    now.active_users_1d,
    now.active_users_7d,
    now.active_users_30d,
    now.stickiness_ratio,
    now.new_user_count,
    now.session_count,
    now.avg_session_ms,
    now.actions_per_session,
    now.bounce_ratio,
    before.active_users_1d as previous_active_users_1d,
    before.active_users_7d as previous_active_users_7d,
    before.active_users_30d as previous_active_users_30d,
    before.stickiness_ratio as previous_stickiness_ratio,
    before.new_user_count as previous_new_user_count,
    before.session_count as previous_session_count,
    before.avg_session_ms as previous_avg_session_ms,
    before.actions_per_session as previous_actions_per_session,
    before.bounce_ratio as previous_bounce_ratio
from periods as now
left join periods as before on not before.is_current
where now.is_current
