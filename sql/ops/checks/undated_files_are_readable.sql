/*
description: Every landing file that tells no day, neither by rows nor by a date in its path, could be read, and not all of its rows were rejected.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
select
    :start::date as day,
    f.path,
    f.state,
    coalesce(f.reason, f.rows_rejected || ' of ' || f.rows_read || ' rows were rejected') as reason
from ops.loaded_files as f
where f.table_name = :table
  and f.first_day is null
  and substring(f.path from '[0-9][0-9][0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]') is null
  and (
    f.state <> 'read'
    or (f.rows_rejected > 0 and not exists (
        select from ops.loaded_days as d where d.table_name = f.table_name and d.path = f.path
    ))
  )
