/*
description: >-
  The 50 schemas whose operations grew most in the last 7 days against the 7 before, the 50 whose operations fell most,
  and the 50 new ones with the most operations.
key: [schema_id]
columns:
  direction: up, down or new; new = no operations in the previous 7 days, so that there is nothing to compare with.
  rank: Position within its direction, 1 for the largest change (new ones, the most operations); ties by operations, then ids.
  schema_id: Schema.
  operation_count: Operations in the last 7 days.
  previous_operation_count: Operations in the 7 days before.
  growth_ratio: Growth against the previous 7 days, 1.0 = doubled, -1.0 = no more operations; NULL for new ones.
  last_day: Last of the 14 days, the newest day with statistics that is not far below its weekday's usual volume.
checks:
  - expect_column_values_to_be_in_set: {column: direction, value_set: [up, down, new]}
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 50}
  - expect_column_values_to_be_between: {column: growth_ratio, min_value: -1}
*/
with
-- Events of the newest days and of the 8 weeks before them.
volumes as (
    select day, sum(operation_count)::bigint as volume
    from usage.schema_usage_1d
    where day > (select max(day) from usage.schema_usage_1d) - 63 and scope = 'schema'
    group by 1
),
-- One of the newest 7 days is usual if it has at least half of the median of its weekday in the 8 weeks before it.
judged as (
    select
        newest.day,
        count(past.volume) < 3
            or newest.volume >= 0.5 * percentile_cont(0.5) within group (order by past.volume) as is_usual
    from volumes as newest
    left join volumes as past
        on past.day < newest.day and past.day >= newest.day - 56 and (newest.day - past.day) % 7 = 0
    where newest.day > (select max(day) from volumes) - 7
    group by newest.day, newest.volume
),
-- The newest usual day, as one with far less is half loaded; the newest one if none is usual (a view has no clock).
latest as (
    select coalesce(max(case when is_usual then day end), max(day)) as last_day from judged
),
-- Both weeks of each schema side by side.
schemas as (
    select
        schema_id, last_day,
        coalesce(sum(operation_count) filter (where day > last_day - 7), 0)::bigint as operation_count,
        coalesce(sum(operation_count) filter (where day <= last_day - 7), 0)::bigint as previous_operation_count
    from usage.schema_usage_1d
    join latest on day > last_day - 14 and day <= last_day
    where scope = 'schema'
    group by 1, 2
),
-- Schemas that had enough operations and changed, and new ones.
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
-- The change is NULL for all new schemas, so their operations order them.
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
