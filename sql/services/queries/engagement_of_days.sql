/*
description: Users and sessions at the end of each day of a range, with how many sessions were converted.
columns:
  day: UTC calendar day.
  active_users_1d: Distinct users of the day.
  active_users_7d: Distinct users of the 7 days up to and including the day.
  active_users_30d: Distinct users of the 30 days up to and including the day.
  stickiness_ratio: Users of the day as a share of those of the 30 days.
  new_user_count: New users of the day.
  returning_user_count: The other users of the day.
  session_count: Sessions that began on the day.
  avg_session_ms: Mean length in milliseconds; NULL without sessions.
  median_session_ms: Median length in milliseconds, continuous; NULL without sessions.
  actions_per_session: Mean number of actions; NULL without sessions.
  bounce_ratio: Share of the sessions with one action only; NULL without sessions.
  conversion_ratio: Share of the sessions with the first action of a conversion that reached its goal; NULL without any.
*/
select
    day,
    active_users_1d,
    active_users_7d,
    active_users_30d,
    stickiness_ratio,
    new_user_count,
    returning_user_count,
    engagement.session_count,
    avg_session_ms,
    median_session_ms,
    actions_per_session,
    bounce_ratio,
    conversion_ratio
from services.engagement_daily as engagement
left join services.conversion_daily as conversion using (day)
where day >= :start::date and day < :end::date
order by day
limit :limit
