/*
description: When each schema was last used, as of the end of a day, the longest unused first.
parameters:
  state: State; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the longest unused.
  day: UTC calendar day, at whose end the row holds.
  schema_id: Schema.
  state: "active = used in the last 7 days, idle = 8 to 29 days ago, stale = 30 to 89 days ago, zombie = 90 days ago or more. Without any use: idle for 30 days from when it was first seen, then zombie."
  first_seen_day: First day with any operation, of the 365 days up to the day.
  last_used_day: Last day it was read, written, validated or checked, successfully or not; NULL when it never was.
  days_since_use: Days from the last use to the day, 0 = used on the day; NULL when it was never used.
*/
with
-- The position among all schemas, or among those of one state.
ranked as (
    select
        row_number() over (
            order by
                case state when 'zombie' then 1 when 'stale' then 2 when 'idle' then 3 else 4 end,
                last_used_day nulls first, first_seen_day, schema_id
        ) as rank,
        day, schema_id, state, first_seen_day, last_used_day, days_since_use
    from usage.schema_liveness_daily
    where day >= :start::date and day < :end::date and (:state = '' or state = :state)
)
select rank, day, schema_id, state, first_seen_day, last_used_day, days_since_use
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
