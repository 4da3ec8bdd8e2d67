/*
description: >-
  What each schema was called on each UTC day on which any of its events tells a name. Its newest known name as of a day
  is that of its newest row up to the day.
key: [day, schema_id]
columns:
  day: UTC calendar day of the operations.
  schema_id: Schema.
  schema_name: The name in the latest of its events that have one; of several at the same moment the first in the alphabet.
checks:
  - expect_column_values_to_not_be_null: {column: schema_name}
*/
with
-- Each name of each schema once, since there are few of them.
named as (
    select (occurred_at at time zone 'UTC')::date as day, schema_id, schema_name, max(occurred_at) as latest_at
    from usage.schema_usage_events
    where occurred_at >= :start and occurred_at < :end and schema_name <> ''
    group by 1, 2, 3
),
-- The latest first.
ranked as (
    select
        day, schema_id, schema_name,
        row_number() over (partition by day, schema_id order by latest_at desc, schema_name collate "C") as rank
    from named
)
select day, schema_id, schema_name
from ranked
where rank = 1
