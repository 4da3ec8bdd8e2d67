/*
description: None of the 7 days before is missing, as far back as the first day that was loaded.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
with
-- The first day of the table; nothing is missing before it.
first as (
    select min(period_start) as first_day from ops.partitions where table_name = :table
)
select d.day::date as day, m.missing::date as missing_day
from first
cross join generate_series(:start::date, :end::date - 1, interval '1 day') as d (day)
cross join generate_series(d.day - interval '7 days', d.day - interval '1 day', interval '1 day') as m (missing)
where m.missing::date >= first_day
  and not exists (
    select 1 from ops.partitions as p where p.table_name = :table and p.period_start = m.missing::date
  )
