/*
description: Every landing file that is about the day, by its rows, by those it held before or by the date in its path, was there and could be read to its end.
*/
select d.day::date as day, f.path, f.state, f.reason
from ops.loaded_files as f
join generate_series(:start::date, :end::date - 1, interval '1 day') as d (day)
    on d.day::date between f.first_day and f.last_day
    or replace(substring(f.path from '[0-9][0-9][0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]'), '-', '') = to_char(d.day, 'YYYYMMDD')
    or exists (
        select from ops.loaded_days as l
        where l.table_name = f.table_name and l.path = f.path and l.day = d.day::date and l.rows_read = 0
    )
where f.table_name = :table and f.state <> 'read'
