/*
description: >-
  What became of the rows of each event table in the period, from file to table. Rejected rows that tell no day count with
  the files that are about the period; those of a file that tells no day at all, with the newest day.
columns:
  table_name: Event table, with its schema.
  file_count: Landing files with rows of the period, or with rows that tell no day.
  rows_read: Rows read, rejected ones included.
  rows_loaded: Rows kept.
  rows_duplicate: Rows left out because another row of the day has their event_id.
  rows_conflicting: Duplicates whose event_id came with differing contents.
  rows_rejected: Rows that do not fit the contract.
  rows_waiting: Rows that were read and are not loaded yet, such as late rows of a day that is closed.
  rows_undated: Those of the rejected that tell no day.
*/
with
-- What the books say of each file on the days of the period.
booked as (
    select
        table_name,
        path,
        sum(rows_read) as rows_read,
        sum(rows_loaded) as rows_loaded,
        sum(rows_duplicate) as rows_duplicate,
        sum(rows_conflicting) as rows_conflicting,
        sum(rows_rejected) as rows_rejected,
        sum(rows_read - rows_rejected) filter (where rows_loaded is null) as rows_waiting
    from ops.loaded_days
    where split_part(table_name, '.', 1) = :family and day >= :start::date and day < :end::date
    group by 1, 2
),
-- The newest day: a file that tells no day is reported with it, since some report must show it.
newest as (
    select max(day) as newest_day from ops.days where split_part(table_name, '.', 1) = :family and rows is not null
),
-- The files about the period.
files as (
    select table_name, path from booked
    union
    select f.table_name, f.path
    from ops.loaded_files as f
    cross join newest
    left join ops.loaded_days as d on d.table_name = f.table_name and d.path = f.path
    where split_part(f.table_name, '.', 1) = :family
        and d.path is null
        and newest_day >= :start::date and newest_day < :end::date
),
-- Their rows without a usable time.
undated as (
    select table_name, path, count(*) as rows_undated
    from ops.rejected_rows
    join files using (table_name, path)
    where day is null and line is not null
    group by 1, 2
)
select
    table_name,
    count(*) filter (where coalesce(rows_read, 0) + coalesce(rows_undated, 0) > 0) as file_count,
    sum(coalesce(rows_read, 0) + coalesce(rows_undated, 0))::bigint as rows_read,
    coalesce(sum(rows_loaded), 0)::bigint as rows_loaded,
    coalesce(sum(rows_duplicate), 0)::bigint as rows_duplicate,
    coalesce(sum(rows_conflicting), 0)::bigint as rows_conflicting,
    sum(coalesce(rows_rejected, 0) + coalesce(rows_undated, 0))::bigint as rows_rejected,
    coalesce(sum(rows_waiting), 0)::bigint as rows_waiting,
    coalesce(sum(rows_undated), 0)::bigint as rows_undated
from files
left join booked using (table_name, path)
left join undated using (table_name, path)
group by 1
having bool_or(booked.path is not null or rows_undated > 0)
order by table_name collate "C"
