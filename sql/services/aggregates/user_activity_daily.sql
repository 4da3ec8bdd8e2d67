/*
description: >-
  What each user did in each session on a UTC day. The finest grain that is kept of users: active users, sessions,
  retention and conversion are counted from it, also after the raw days are gone.
kept: lake
key: [day, user_id, session_id]
columns:
  day: UTC calendar day of the actions.
  user_id: User who acted.
  session_id: Session of the user, the same id of two users being two sessions; empty for actions that belong to none.
  event_count: Actions of the day.
  success_count: Those that succeeded.
  first_at: When the first of the day began.
  last_at: When the last of the day began.
  conversion_start_at: When the first successful action of the day began that a conversion starts with; NULL without any.
  conversion_goal_at: When the last successful action of the day began that a conversion ends with; NULL without any.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: last_at, column_B: first_at, or_equal: true}
*/
select
    (occurred_at at time zone 'UTC')::date as day,
    user_id,
    coalesce(session_id, '') as session_id,
    count(*) as event_count,
    count(*) filter (where success) as success_count,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    min(case when success and action = :services_conversion_start then occurred_at end) as conversion_start_at,
    max(case when success and action = :services_conversion_goal then occurred_at end) as conversion_goal_at
from services.user_behavior_events
where occurred_at >= :start and occurred_at < :end
group by 1, 2, 3
