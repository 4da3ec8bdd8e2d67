/*
description: Every landing file that tells no day, neither by rows nor by a date in its path, could be read.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
select :start::date as day, path, state, reason
from ops.loaded_files
where table_name = :table
  and state <> 'read'
  and first_day is null
  and substring(path from '[0-9][0-9][0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]') is null
