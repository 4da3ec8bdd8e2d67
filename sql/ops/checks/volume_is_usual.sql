/*
description: The day has rows, unless no day before it has any. It has at most ANALYTICS_VOLUME_FACTOR times as many as usual, and at least as many as usual divided by it; usual is the median of its weekday in the 8 weeks before (if 3 such days are there).
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
with
-- Each day with the median of its own weekday before it.
days as (
    select
        p.period_start as day,
        p.rows as row_count,
        count(past.rows) as past_days,
        percentile_cont(0.5) within group (order by past.rows) as usual_row_count
    from ops.partitions as p
    left join ops.partitions as past
        on past.table_name = p.table_name
        and past.period_start < p.period_start
        and past.period_start >= p.period_start - 56
        and extract(isodow from past.period_start) = extract(isodow from p.period_start)
    where p.table_name = :table and p.period_start >= :start::date and p.period_start < :end::date
    group by 1, 2
)
select day, row_count, past_days, usual_row_count
from days
where (
        -- A table that never had a row is empty by its nature.
        row_count = 0
        and exists (
            select 1
            from ops.partitions as earlier
            where earlier.table_name = :table and earlier.period_start < days.day and earlier.rows > 0
        )
    )
   or (past_days >= 3 and (
        row_count < usual_row_count / :volume_factor::double precision
        or row_count > usual_row_count * :volume_factor::double precision
    ))
