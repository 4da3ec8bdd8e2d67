/*
description: >-
  How many users who were new 1, 7 and 30 days before came back on the days of the period, all these cohorts together.
columns:
  age_days: Days since the users were new.
  cohort_size: Users of the cohorts, each of whom is asked about once, on the day after as many days.
  retained_count: Those of them who acted on that day.
  retention_ratio: Share of them who did; NULL when nobody was new.
  previous_retention_ratio: The same of the days of the period before.
*/
with
-- Both periods of each age.
ages as (
    select
        age_days,
        coalesce(sum(cohort_size) filter (where day >= :start::date), 0)::bigint as cohort_size,
        coalesce(sum(retained_count) filter (where day >= :start::date), 0)::bigint as retained_count,
        sum(cohort_size) filter (where day < :start::date) as previous_cohort_size,
        sum(retained_count) filter (where day < :start::date) as previous_retained_count
    from services.retention_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date) and age_days > 0
    group by 1
)
select
    age_days,
    cohort_size,
    retained_count,
    retained_count::double precision / nullif(cohort_size, 0) as retention_ratio,
    previous_retained_count::double precision / nullif(previous_cohort_size, 0) as previous_retention_ratio
from ages
where cohort_size > 0
order by age_days
