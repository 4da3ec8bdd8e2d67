/*
description: >-
  No landing file about the day, by its rows or by the date in its path, had more than half of its rows rejected (files of
  fewer than 10 rows are only warned of, by rejected_rows_are_few). Mend the file under its name, or move it out of the
  landing folder and type analytics-etl forget PATH --reason "why"; then run the day again.
*/
select d.day, f.path, f.rows_read, f.rows_rejected
from ops.loaded_files as f
join ops.loaded_days as d using (table_name, path)
where f.table_name = :table
  and d.day >= :start::date and d.day < :end::date
  and f.state in ('read', 'cut_off')
  and f.rows_read >= 10
  and f.rows_rejected > 0.5 * f.rows_read
