/*
description: The 50 recommendations that are open at the end of the period, those that are open longest first.
columns:
  module_name: Module.
  recommendation: What to do, a sentence with the number that led to it.
  evidence: The elements it is about, one a line; NULL when it is about the module.
  first_seen_day: First of the days without a break on which it was open.
  open_count: All recommendations that are open.
*/
with
-- The last day of the period that has scores.
last_days as (
    select max(day) as last_day
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
),
-- The last day before on which a module with a score did not have the recommendation.
closed as (
    select open.module_name, open.recommendation_kind, max(health.day) as last_closed_day
    from registry.recommendations_daily as open
    join last_days on last_days.last_day = open.day
    join registry.module_health_daily as health
        on health.module_name = open.module_name and health.day < last_days.last_day
    left join registry.recommendations_daily as earlier
        on earlier.day = health.day
        and earlier.module_name = open.module_name
        and earlier.recommendation_kind = open.recommendation_kind
    where earlier.day is null
    group by 1, 2
),
-- Each open recommendation since then.
seen as (
    select
        open.module_name, open.recommendation_kind, open.recommendation, open.evidence,
        min(earlier.day) as first_seen_day
    from registry.recommendations_daily as open
    join last_days on last_days.last_day = open.day
    left join closed
        on closed.module_name = open.module_name and closed.recommendation_kind = open.recommendation_kind
    join registry.recommendations_daily as earlier
        on earlier.module_name = open.module_name
        and earlier.recommendation_kind = open.recommendation_kind
        and earlier.day <= open.day
        and (closed.last_closed_day is null or earlier.day > closed.last_closed_day)
    group by 1, 2, 3, 4
)
select module_name, recommendation, evidence, first_seen_day, count(*) over () as open_count
from seen
order by first_seen_day, module_name collate "C", recommendation_kind collate "C"
limit 50
