/*
description: >-
  The partitions that exist of the tables of the registry from the start of the previous period on, also empty ones. A day
  of a table that no partition covers is missing.
columns:
  table_name: Table, with its schema.
  period_start: First day of the partition.
  period_end: First day after the partition.
  row_count: Rows in the partition.
*/
select
    table_name,
    period_start,
    period_end,
    rows as row_count
from ops.partitions
where split_part(table_name, '.', 1) = 'registry' and period_start < :end::date and period_end > :previous_start::date
order by table_name collate "C", period_start
