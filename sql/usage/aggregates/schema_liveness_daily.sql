/*
description: >-
  When each schema was last used, as of the end of each UTC day with events. A schema is forgotten after 365 days without
  any operation, and from the day it is deleted until it is seen on a later day.
key: [day, schema_id]
columns:
  day: UTC calendar day, at whose end the row holds.
  schema_id: Schema.
  state: >-
    active = used in the last 7 days, idle = 8 to 29 days ago, stale = 30 to 89 days ago, zombie = 90 days ago or more.
    Without any use: idle for 30 days from when it was first seen, then zombie.
  first_seen_day: First day with any operation, of the 365 days up to the day.
  last_used_day: Last day it was read, written, validated or checked, successfully or not; NULL when it never was.
  days_since_use: Days from the last use to the day, 0 = used on the day; NULL when it was never used.
checks:
  - expect_column_values_to_be_in_set: {column: state, value_set: [active, idle, stale, zombie]}
  - expect_column_values_to_be_between: {column: days_since_use, min_value: 0, max_value: 364}
*/
with
-- Days on which a schema was asked for, and whether it was used or deleted.
activity as (
    select
        day, schema_id,
        max(case when operation in ('read', 'write', 'validate', 'compatibility_check') then day end) as used_day,
        max(case when operation = 'delete' and success_count > 0 then day end) as deleted_day,
        max(case when operation <> 'delete' then day end) as alive_day
    from usage.schema_usage_1d
    where day > :start::date - 365 and day < :end::date and scope = 'detail'
    group by 1, 2
),
-- Every schema on every day of the window, beside the days on which something happened.
points as (
    select day, schema_id, day as seen_day, used_day, deleted_day, alive_day, false as is_wanted
    from activity
    union all
    select days.day, schemas.schema_id, null, null, null, null, true
    from (select distinct day from activity where day >= :start::date) as days
    cross join (select distinct schema_id from activity) as schemas
),
-- What was known of a schema at the end of each of these days.
known as (
    select
        day, schema_id, is_wanted,
        min(seen_day) over year_before as first_seen_day,
        max(used_day) over year_before as last_used_day,
        max(deleted_day) over year_before as last_deleted_day,
        max(alive_day) over year_before as last_alive_day
    from points
    window year_before as (
        partition by schema_id order by day range between interval '364 days' preceding and current row
    )
)
select
    day,
    schema_id,
    case
        when last_used_day is null then case when first_seen_day > day - 30 then 'idle' else 'zombie' end
        when last_used_day >= day - 7 then 'active'
        when last_used_day > day - 30 then 'idle'
        when last_used_day > day - 90 then 'stale'
        else 'zombie'
    end as state,
    first_seen_day,
    last_used_day,
    (day - last_used_day)::bigint as days_since_use
from known
where is_wanted and first_seen_day is not null
  and (last_deleted_day is null or last_alive_day > last_deleted_day)
