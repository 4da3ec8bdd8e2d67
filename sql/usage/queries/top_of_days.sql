/*
description: Schemas by operations in a range of days, the most first.
parameters:
  operation: Operation; empty for all of them.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the most operations; ties in the order of their ids.
  schema_id: Schema.
  operation: Operation; empty for all of them together.
  operation_count: Operations.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  first_day: First of the days that the row is about.
  last_day: Last of the days that the row is about.
*/
with
-- All operations of a schema are its rows of scope schema; one operation is the sum of its rows over regions.
counted as (
    select schema_id, sum(operation_count)::bigint as operation_count, sum(error_count)::bigint as error_count
    from usage.schema_usage_1d
    where day >= :start::date and day < :end::date
      and scope = case when :operation = '' then 'schema' else 'detail' end and operation = :operation
    group by 1
),
-- The position among all schemas, before a page is cut out.
ranked as (
    select
        row_number() over (order by operation_count desc, schema_id) as rank, schema_id, operation_count, error_count
    from counted
)
select
    rank, schema_id, :operation as operation, operation_count, error_count,
    (operation_count - error_count)::double precision / operation_count as success_rate,
    :start::date as first_day, :end::date - 1 as last_day
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
