/*
description: A score that is not that of the last day before, at most 30 days ago, has its reason, and so has the first one.
*/
with
-- Each score beside the one before.
scores as (
    select
        day, module_name, overall_score,
        lag(day) over (partition by module_name order by day) as before_day,
        lag(overall_score) over (partition by module_name order by day) as before_score
    from registry.module_health_daily
    where day > :start::date - 31 and day < :end::date
),
-- The reasons.
reasons as (
    select day, module_name, overall_score, change_reason
    from registry.module_health_changes_daily
    where day >= :start::date and day < :end::date
)
select scores.day, scores.module_name, scores.before_score, scores.overall_score, reasons.change_reason
from scores
left join reasons on reasons.day = scores.day and reasons.module_name = scores.module_name
where scores.day >= :start::date
  and (
    reasons.module_name is null
    and (scores.before_day is null or scores.overall_score is distinct from scores.before_score)
    or reasons.overall_score is distinct from scores.overall_score and reasons.module_name is not null
    or reasons.change_reason = ''
  )
