/*
description: At most 1 % of the rows of a day were rejected. Rejected rows that tell no day count with each day of their file.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
with
-- Rows without a usable time, by file.
undated as (
    select table_name, path, count(*) as rows_undated
    from ops.rejected_rows
    where table_name = :table and day is null and line is not null
    group by 1, 2
),
-- Each day with all that was rejected in its files.
days as (
    select
        d.day,
        sum(d.rows_read)::bigint as rows_read,
        sum(d.rows_rejected)::bigint as rows_rejected,
        coalesce(sum(u.rows_undated), 0)::bigint as rows_rejected_without_a_day
    from ops.loaded_days as d
    left join undated as u using (table_name, path)
    where d.table_name = :table and d.day >= :start::date and d.day < :end::date
    group by 1
)
select day, rows_read, rows_rejected, rows_rejected_without_a_day
from days
where rows_rejected + rows_rejected_without_a_day > 0.01 * (rows_read + rows_rejected_without_a_day)
