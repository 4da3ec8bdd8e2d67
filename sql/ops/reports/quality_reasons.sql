/*
description: >-
  The 20 most frequent reasons why rows of the period were rejected; rejected rows that tell no day count with the same
  files as in quality_rows. The content of the rows is never shown.
columns:
  table_name: Event table, with its schema.
  reason: The column or constraint, and what was expected.
  rejected_count: Rows rejected for it.
*/
with
-- The newest day: a file that tells no day is reported with it.
newest as (
    select max(day) as newest_day from ops.days where split_part(table_name, '.', 1) = :family and rows is not null
),
-- The files about the period.
files as (
    select table_name, path
    from ops.loaded_days
    where split_part(table_name, '.', 1) = :family and day >= :start::date and day < :end::date
    union
    select f.table_name, f.path
    from ops.loaded_files as f
    cross join newest
    left join ops.loaded_days as d on d.table_name = f.table_name and d.path = f.path
    where split_part(f.table_name, '.', 1) = :family
        and d.path is null
        and newest_day >= :start::date and newest_day < :end::date
),
-- Reasons without the value that came, so that equal causes are one reason, and no value leaves the table.
rejections as (
    select r.table_name, split_part(r.reason, ', got ', 1) as reason
    from ops.rejected_rows as r
    left join files as f on f.table_name = r.table_name and f.path = r.path
    where split_part(r.table_name, '.', 1) = :family
        and ((r.day >= :start::date and r.day < :end::date) or (r.day is null and r.line is not null and f.path is not null))
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
