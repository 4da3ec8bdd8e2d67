/*
description: >-
  How many of the users who were new on the day itself, 1, 7 and 30 days before it acted on the day. A row is as of its day,
  so it never changes later; the cohort of a day is followed by the rows with its cohort_day.
key: [day, age_days]
columns:
  day: UTC calendar day on which users came back.
  age_days: Days since the users were new; 0 for the new users of the day, all of whom acted.
  cohort_day: The day on which they were new, age_days before the day.
  cohort_size: Users who were new on that day.
  retained_count: Those of them who acted on the day.
  retention_ratio: Share of the cohort that acted on the day; NULL when nobody was new.
checks:
  - expect_column_values_to_be_in_set: {column: age_days, value_set: [0, 1, 7, 30]}
  - expect_column_values_to_be_between: {column: retention_ratio, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: cohort_size, column_B: retained_count, or_equal: true}
*/
with
-- Users of each day of the window.
present as (
    select distinct day, user_id
    from services.user_activity_daily
    where day >= :start::date and day < :end::date
),
-- The days of the window that have events.
days as (
    select distinct day
    from present
),
-- Each of them with the cohorts that are looked at.
points as (
    select day, 0 as age_days, day as cohort_day from days
    union all
    select day, 1, day - 1 from days
    union all
    select day, 7, day - 7 from days
    union all
    select day, 30, day - 30 from days
),
-- New users by their day.
newcomers as (
    select day as cohort_day, user_id
    from services.new_users_daily
    where day >= :start::date - 30 and day < :end::date
),
-- Each cohort as it was on the day.
cohorts as (
    select
        points.day, age_days, points.cohort_day,
        count(newcomers.user_id) as cohort_size,
        count(present.user_id) as retained_count
    from points
    left join newcomers on newcomers.cohort_day = points.cohort_day
    left join present on present.day = points.day and present.user_id = newcomers.user_id
    group by 1, 2, 3
)
select
    day,
    age_days::bigint as age_days,
    cohort_day,
    cohort_size,
    retained_count,
    retained_count::double precision / nullif(cohort_size, 0) as retention_ratio
from cohorts
