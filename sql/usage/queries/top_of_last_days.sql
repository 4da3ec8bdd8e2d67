/*
description: Schemas by operations in the last 1, 7 or 30 days, the most first; at most 100.
parameters:
  last_days: "Length of the period: 1, 7 or 30 days."
  operation: Operation; empty for all of them.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the most operations; ties in the order of their ids.
  schema_id: Schema.
  operation: Operation; empty for all of them together.
  operation_count: Operations in the period.
  error_count: Operations in the period that failed.
  success_rate: Share of the operations that succeeded.
  first_day: First day of the period.
  last_day: Last day of the period, the newest day with statistics that is not far below its weekday's usual volume.
*/
select
    rank, schema_id, operation, operation_count, error_count,
    (operation_count - error_count)::double precision / operation_count as success_rate, first_day, last_day
from usage.top_schemas
where last_days = :last_days and operation = :operation and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
