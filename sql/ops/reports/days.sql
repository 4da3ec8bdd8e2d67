/*
description: >-
  The state of each day of each table of a family that is kept by day, from the start of the previous period on. Days
  without a row in ops.days are left out.
columns:
  table_name: Table, with its schema.
  day: UTC calendar day.
  state: As in ops.days, such as provisional or final.
  is_final: Whether late events can no longer change the day.
  final_from: Once this day of the table is there, the day is final.
  row_count: Rows of the day; NULL when it is not there.
  rows_waiting: Valid rows of the day that came late and are not loaded.
  is_unusual: Whether the day has no rows, or far from as many as its weekday usually has.
*/
select
    table_name,
    day,
    state,
    is_final,
    final_from,
    rows as row_count,
    rows_waiting,
    coalesce('volume_is_usual' = any(warned_checks), false) as is_unusual
from ops.days
where split_part(table_name, '.', 1) = :family and day >= :previous_start::date and day < :end::date
order by table_name collate "C", day
