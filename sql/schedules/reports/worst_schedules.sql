/*
description: The 20 schedules with the most failed attempts of the period, against their own 28 days before it.
columns:
  rank: Position, 1 for the most failed attempts; ties in the order of their names.
  schedule_id: Schedule.
  attempt_count: Attempts.
  failed_count: Attempts that failed or took too long.
  success_rate: Share of successes among the attempts that ended; NULL without any.
  usual_success_rate: The same share in the 28 days before the period; NULL without any.
  avg_processing_time_ms: Mean of the known processing times, in milliseconds; NULL when none is known.
*/
with
-- What they did.
schedules_of_period as (
    select
        schedule_id,
        sum(attempt_count)::bigint as attempt_count,
        sum(failure_count + timeout_count)::bigint as failed_count,
        sum(success_count) as success_count,
        sum(total_processing_time_ms)::double precision
            / nullif(sum(processing_timed_count), 0) as avg_processing_time_ms
    from schedules.schedule_activity_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Their usual success rates, of the 28 days before the period.
usual as (
    select
        schedule_id,
        sum(success_count)::double precision
            / nullif(sum(success_count + failure_count + timeout_count), 0) as usual_success_rate
    from schedules.schedule_activity_daily
    where day >= :start::date - 28 and day < :start::date
    group by 1
),
-- The position among all schedules with a failed attempt.
ranked as (
    select
        row_number() over (order by failed_count desc, schedule_id collate "C") as rank,
        schedule_id, attempt_count, failed_count, success_count, avg_processing_time_ms
    from schedules_of_period
    where failed_count > 0
)
select
    rank,
    schedule_id,
    attempt_count,
    failed_count,
    success_count::double precision / nullif(success_count + failed_count, 0) as success_rate,
    usual_success_rate,
    avg_processing_time_ms
from ranked
left join usual using (schedule_id)
where rank <= 20
order by rank
