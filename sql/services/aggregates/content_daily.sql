/*
description: What was done with each content per UTC day. What plays and completes a content are settings.
key: [day, content_id]
columns:
  day: UTC calendar day of the actions.
  content_id: Content.
  event_count: Actions of any kind, failed ones included.
  unique_users: Distinct users of these actions.
  play_count: Successful plays.
  complete_count: Successful completions.
  total_play_ms: Sum of the known durations of the successful plays, in milliseconds.
  player_count: Distinct users who played it.
  completed_player_count: Those of them who completed it on the same day.
  completion_ratio: Share of the users who played it that completed it on the same day; NULL when nobody played it.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_values_to_be_between: {column: completion_ratio, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: unique_users, column_B: player_count, or_equal: true}
*/
with
-- Each user of each content.
users as (
    select
        (occurred_at at time zone 'UTC')::date as day,
        content_id,
        user_id,
        count(*) as event_count,
        count(*) filter (where success and action = :services_play_action) as play_count,
        count(*) filter (where success and action = :services_complete_action) as complete_count,
        sum(case when success and action = :services_play_action then duration_ms end) as total_play_ms
    from services.user_behavior_events
    where occurred_at >= :start and occurred_at < :end and content_id is not null
    group by 1, 2, 3
),
-- All users of each content.
contents as (
    select
        day, content_id,
        sum(event_count)::bigint as event_count,
        count(*) as unique_users,
        sum(play_count)::bigint as play_count,
        sum(complete_count)::bigint as complete_count,
        coalesce(sum(total_play_ms), 0)::bigint as total_play_ms,
        count(*) filter (where play_count > 0) as player_count,
        count(*) filter (where play_count > 0 and complete_count > 0) as completed_player_count
    from users
    group by 1, 2
)
select
    day,
    content_id,
    event_count,
    unique_users,
    play_count,
    complete_count,
    total_play_ms,
    player_count,
    completed_player_count,
    completed_player_count::double precision / nullif(player_count, 0) as completion_ratio
from contents
