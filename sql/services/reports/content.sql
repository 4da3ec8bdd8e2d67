/*
description: The 15 contents that were played most in the period, beside the period before.
columns:
  rank: Position, 1 for the most plays; ties in the order of their names.
  content_id: Content.
  play_count: Successful plays in the period.
  previous_play_count: Successful plays in the period before.
  growth_ratio: Growth against the period before; NULL when there were none.
  completion_ratio: Share of those who played it on a day that completed it on that day; users of several days count on each.
  highest_daily_unique_users: Most users of any day of the period.
  total_play_ms: Sum of the known durations of the plays of the period, in milliseconds.
*/
with
-- Both periods of each content.
contents as (
    select
        content_id,
        coalesce(sum(play_count) filter (where day >= :start::date), 0)::bigint as play_count,
        coalesce(sum(play_count) filter (where day < :start::date), 0)::bigint as previous_play_count,
        sum(player_count) filter (where day >= :start::date) as player_count,
        sum(completed_player_count) filter (where day >= :start::date) as completed_player_count,
        max(unique_users) filter (where day >= :start::date) as highest_daily_unique_users,
        coalesce(sum(total_play_ms) filter (where day >= :start::date), 0)::bigint as total_play_ms
    from services.content_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The position among all that were played.
ranked as (
    select
        row_number() over (order by play_count desc, content_id collate "C") as rank,
        content_id, play_count, previous_play_count, player_count, completed_player_count, highest_daily_unique_users,
        total_play_ms
    from contents
    where play_count > 0
)
select
    rank,
    content_id,
    play_count,
    previous_play_count,
    play_count::double precision / nullif(previous_play_count, 0) - 1 as growth_ratio,
    completed_player_count::double precision / player_count as completion_ratio,
    highest_daily_unique_users,
    total_play_ms
from ranked
where rank <= 15
order by rank
