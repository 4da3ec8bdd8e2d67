/*
description: The cohort of the day itself is its new users, all of whom acted on it.
*/
with
-- What the table says of the day itself.
told as (
    select day, cohort_day, cohort_size, retained_count
    from services.retention_daily
    where day >= :start::date and day < :end::date and age_days = 0
),
-- New users.
newcomers as (
    select day, count(*) as new_user_count
    from services.new_users_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select day, told.cohort_day, told.cohort_size, told.retained_count, newcomers.new_user_count
from told
full join newcomers using (day)
where told.cohort_day is distinct from day
   or told.cohort_size <> coalesce(newcomers.new_user_count, 0)
   or told.retained_count <> told.cohort_size
