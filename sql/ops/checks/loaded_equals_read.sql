/*
description: "Nothing is lost: rows read = loaded + duplicate + rejected for every day, and the table holds what was loaded."
*/
with
-- What the table holds.
held as (
    select day, count(*) as rows_held from {batch} group by 1
),
-- What the books say.
booked as (
    select
        day,
        sum(rows_read)::bigint as rows_read,
        sum(rows_loaded)::bigint as rows_loaded,
        sum(rows_duplicate)::bigint as rows_duplicate,
        sum(rows_rejected)::bigint as rows_rejected,
        count(*) filter (where rows_loaded is null) as files_waiting
    from ops.loaded_days
    where table_name = :table and day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    coalesce(rows_held, 0) as rows_held,
    rows_read, rows_loaded, rows_duplicate, rows_rejected, files_waiting
from held
full join booked using (day)
where coalesce(rows_held, 0) <> coalesce(rows_loaded, 0)
   or coalesce(rows_read, 0) <> coalesce(rows_loaded, 0) + coalesce(rows_duplicate, 0) + coalesce(rows_rejected, 0)
   or files_waiting > 0
