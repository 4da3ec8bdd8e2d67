/*
description: Every landing file that is about the day, by its rows or by the date in its path, was there and could be read to its end.
*/
select d.day::date as day, f.path, f.state, f.reason
from ops.loaded_files as f
join generate_series(:start::date, :end::date - 1, interval '1 day') as d (day)
    on d.day::date between f.first_day and f.last_day
    or replace(substring(f.path from '[0-9][0-9][0-9][0-9]-?[0-9][0-9]-?[0-9][0-9]'), '-', '') = to_char(d.day, 'YYYYMMDD')
where f.table_name = :table and f.state <> 'read'
