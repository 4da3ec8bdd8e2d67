/*
description: Schemas that grew or fell most in the last 7 days against the 7 before, or that are new.
parameters:
  direction: up, down or new.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  direction: up, down or new; new = no operations in the previous 7 days, so that there is nothing to compare with.
  rank: Position within its direction, 1 for the largest change (new ones, the most operations); ties by operations, then ids.
  schema_id: Schema.
  operation_count: Operations in the last 7 days.
  previous_operation_count: Operations in the 7 days before.
  growth_ratio: Growth against the previous 7 days, 1.0 = doubled, -1.0 = no more operations; NULL for new ones.
  last_day: Last of the 14 days, the newest day with statistics that is not far below its weekday's usual volume.
*/
select direction, rank, schema_id, operation_count, previous_operation_count, growth_ratio, last_day
from usage.trending_schemas
where direction = :direction and (:is_first_page or rank > :after_rank)
order by rank
limit :limit
