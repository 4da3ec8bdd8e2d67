/*
description: The baseline of each schedule and day is made of the days in the 28 before on which it did something.
*/
with
-- The days each one looks back on, counted one by one.
past as (
    select day, schedule_id, baseline_days, baseline_attempts_per_day, (
            select count(*)
            from schedules.schedule_activity_daily as a
            where a.schedule_id = p.schedule_id and a.day >= p.day - 28 and a.day < p.day
              and a.day >= :start::date - 28 and a.day < :end::date
        ) as past_days, (
            select sum(a.attempt_count)
            from schedules.schedule_activity_daily as a
            where a.schedule_id = p.schedule_id and a.day >= p.day - 28 and a.day < p.day
              and a.day >= :start::date - 28 and a.day < :end::date
        ) as past_attempt_count
    from schedules.schedule_performance_daily as p
    where day >= :start::date and day < :end::date
)
select day, schedule_id, baseline_days, past_days, baseline_attempts_per_day, past_attempt_count
from past
where baseline_days <> past_days
   or abs(coalesce(baseline_attempts_per_day * baseline_days, 0) - coalesce(past_attempt_count, 0)) > 0.000001
