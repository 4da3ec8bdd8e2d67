/*
description: >-
  The 10 schemas that grew most, the 10 that fell most and the 5 most used new ones, in the window against the one before.
columns:
  direction: up, down or new.
  rank: Position within its direction, 1 for the largest change.
  schema_name: The schema's id as text.
  operation_count: Operations in the window.
  previous_operation_count: Operations in the window before.
  growth_ratio: Growth against the window before; NULL for new ones.
*/
with
-- Both windows of each schema.
schemas as (
    select
        schema_id,
        coalesce(sum(operation_count) filter (where day >= :start::date), 0)::bigint as operation_count,
        coalesce(sum(operation_count) filter (where day < :start::date), 0)::bigint as previous_operation_count
    from usage.schema_usage_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date) and scope = 'schema'
    group by 1
),
-- Schemas that had enough operations and changed, and new ones.
changes as (
    select
        case
            when previous_operation_count = 0 then 'new'
            when operation_count > previous_operation_count then 'up'
            else 'down'
        end as direction,
        schema_id, operation_count, previous_operation_count,
        operation_count::double precision / nullif(previous_operation_count, 0) - 1 as growth_ratio
    from schemas
    where operation_count <> previous_operation_count
      and (previous_operation_count = 0 or previous_operation_count >= :usage_trending_min_operations)
),
-- The position within each direction; growth is NULL for all new schemas.
ranked as (
    select
        row_number() over (
            partition by direction
            order by abs(growth_ratio) desc, greatest(operation_count, previous_operation_count) desc, schema_id
        ) as rank,
        direction, schema_id, operation_count, previous_operation_count, growth_ratio
    from changes
)
select
    direction,
    rank,
    schema_id::text as schema_name,
    operation_count,
    previous_operation_count,
    growth_ratio
from ranked
where rank <= case when direction = 'new' then 5 else 10 end
order by case direction when 'up' then 1 when 'down' then 2 else 3 end, rank
