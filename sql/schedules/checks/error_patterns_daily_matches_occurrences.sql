/*
description: The patterns of each day are those of its errors, and the new ones were on no earlier day.
*/
with
-- What the table says.
told as (
    select day, pattern, error_count, schedule_count, is_new
    from schedules.error_patterns_daily
    where day >= :start::date and day < :end::date
),
-- All schedules together.
errors as (
    select day, pattern, sum(error_count) as error_count, count(distinct schedule_id) as schedule_count
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
)
select
    day, pattern, told.error_count, errors.error_count as errors_in_occurrences,
    told.schedule_count, errors.schedule_count as schedules_in_occurrences, told.is_new
from told
full join errors using (day, pattern)
where coalesce(told.error_count, 0) <> coalesce(errors.error_count, 0)
   or coalesce(told.schedule_count, 0) <> coalesce(errors.schedule_count, 0)
   or told.is_new = exists (
        select 1 from schedules.error_occurrences_daily as o
        where o.day >= '-infinity'::date and o.day < told.day and o.pattern = told.pattern
   )
