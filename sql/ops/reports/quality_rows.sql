/*
description: What became of the rows of each event table in the period, from file to table.
columns:
  table_name: Event table, with its schema.
  file_count: Landing files with rows of the period.
  rows_read: Rows read, rejected ones included.
  rows_loaded: Rows kept.
  rows_duplicate: Rows left out because another row of the day has their event_id.
  rows_conflicting: Those of the duplicates whose event_id came with differing contents.
  rows_rejected: Rows that do not fit the contract.
  rows_waiting: Rows that were read and are not loaded yet, such as late rows of a day that is closed.
*/
select
    table_name,
    count(distinct path) filter (where rows_read > 0) as file_count,
    sum(rows_read)::bigint as rows_read,
    coalesce(sum(rows_loaded), 0)::bigint as rows_loaded,
    coalesce(sum(rows_duplicate), 0)::bigint as rows_duplicate,
    coalesce(sum(rows_conflicting), 0)::bigint as rows_conflicting,
    sum(rows_rejected)::bigint as rows_rejected,
    coalesce(sum(rows_read - rows_rejected) filter (where rows_loaded is null), 0)::bigint as rows_waiting
from ops.loaded_days
where split_part(table_name, '.', 1) = :family and day >= :start::date and day < :end::date
group by 1
order by table_name collate "C"
