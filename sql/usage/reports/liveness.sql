/*
description: How many schemas are in use, as of the newest day with events of the period and of the period before.
columns:
  state: active, idle, stale or zombie.
  schema_count: Schemas in this state at the end of the period.
  previous_schema_count: Schemas in this state at the end of the period before.
*/
with
-- The newest day of each period.
latest as (
    select case when day >= :start::date then 'current' else 'previous' end as period, max(day) as day
    from usage.schema_liveness_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- Schemas of these days by state.
counted as (
    select
        state,
        count(*) filter (where period = 'current') as schema_count,
        count(*) filter (where period = 'previous') as previous_schema_count
    from usage.schema_liveness_daily
    join latest using (day)
    group by 1
)
select state, schema_count, previous_schema_count
from counted
order by case state when 'active' then 1 when 'idle' then 2 when 'stale' then 3 else 4 end
