/*
description: >-
  The 50 schemas whose operations grew most, the 50 whose operations fell most, the last 7 days against the 7 before, and
  the 50 new ones with the most operations.
key: [schema_id]
columns:
  direction: up, down or new; new = no operations in the previous 7 days, so that there is nothing to compare with.
  rank: Position within its direction, 1 for the largest change (new ones, the most operations); ties by operations, then ids.
  schema_id: Schema.
  operation_count: Operations in the last 7 days.
  previous_operation_count: Operations in the 7 days before.
  growth_ratio: Growth against the previous 7 days, 1.0 = doubled, -1.0 = no more operations; NULL for new ones.
  last_day: Last of the 14 days, the newest day with statistics.
checks:
  - expect_column_values_to_be_in_set: {column: direction, value_set: [up, down, new]}
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 50}
  - expect_column_values_to_be_between: {column: growth_ratio, min_value: -1}
*/
with
-- The last complete day is the newest one that was aggregated: no clock in here.
latest as (
    select max(day) as last_day from usage.schema_usage_1d
),
-- Both weeks of each schema side by side.
schemas as (
    select
        schema_id, last_day,
        coalesce(sum(operation_count) filter (where day > last_day - 7), 0)::bigint as operation_count,
        coalesce(sum(operation_count) filter (where day <= last_day - 7), 0)::bigint as previous_operation_count
    from usage.schema_usage_1d
    join latest on day > last_day - 14
    where scope = 'schema'
    group by 1, 2
),
-- Schemas that changed from a volume that means something, and new ones.
candidates as (
    select
        case
            when previous_operation_count = 0 then 'new'
            when operation_count > previous_operation_count then 'up'
            else 'down'
        end as direction,
        schema_id, operation_count, previous_operation_count, last_day,
        operation_count::double precision / nullif(previous_operation_count, 0) - 1 as growth_ratio
    from schemas
    where operation_count <> previous_operation_count
      and (previous_operation_count = 0 or previous_operation_count >= :usage_trending_min_operations)
),
-- The change is NULL throughout the new ones, so their order is that of their operations.
ranked as (
    select
        row_number() over (
            partition by direction
            order by abs(growth_ratio) desc, greatest(operation_count, previous_operation_count) desc, schema_id
        ) as rank,
        direction, schema_id, operation_count, previous_operation_count, growth_ratio, last_day
    from candidates
)
select
    direction,
    rank,
    schema_id,
    operation_count,
    previous_operation_count,
    growth_ratio,
    last_day
from ranked
where rank <= 50
