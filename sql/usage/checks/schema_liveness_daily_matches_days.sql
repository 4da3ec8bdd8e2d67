/*
description: >-
  A schema that was used on a day, and not deleted, is active with that day as its last use; no other schema was last used
  on it.
*/
with
-- Schemas that were used on the day, and whether they were deleted on it.
used as (
    select
        day, schema_id,
        max(case when operation = 'delete' and success_count > 0 then 1 else 0 end) as deletions
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'detail'
    group by 1, 2
    having max(case when operation in ('read', 'write', 'validate', 'compatibility_check') then 1 else 0 end) = 1
),
-- What the table says.
told as (
    select day, schema_id, state, last_used_day, days_since_use
    from usage.schema_liveness_daily
    where day >= :start::date and day < :end::date
)
select day, schema_id, told.state, told.last_used_day, told.days_since_use
from told
full join used using (day, schema_id)
where (used.deletions = 0 and (told.state is null or told.state <> 'active' or told.last_used_day <> day))
   or (used.deletions is null and told.last_used_day = day)
   or told.days_since_use <> day - told.last_used_day
