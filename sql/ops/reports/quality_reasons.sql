/*
description: The 20 most frequent reasons for which rows of the period were rejected. Never what stood in the rows.
columns:
  table_name: Event table, with its schema.
  reason: The column or constraint, and what was expected.
  rejected_count: Rows rejected for it.
*/
with
-- A reason ends with what came; without it rows of one cause come together, and no value of a row leaves the table.
rejections as (
    select table_name, split_part(reason, ', got ', 1) as reason
    from ops.rejected_rows
    where split_part(table_name, '.', 1) = :family and day >= :start::date and day < :end::date
),
-- The position in the whole list, so that cutting it does not depend on the order of the rows.
reasons as (
    select
        row_number() over (order by count(*) desc, table_name collate "C", reason collate "C") as position,
        table_name,
        reason,
        count(*) as rejected_count
    from rejections
    group by 2, 3
)
select
    table_name,
    reason,
    rejected_count
from reasons
where position <= 20
order by position
