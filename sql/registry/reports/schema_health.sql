/*
description: >-
  The 20 modules whose schemas are the least healthy at the end of the period, and the 5 whose score improved most, and the 5
  whose score declined most, since the end of the period before; counts are of all modules.
columns:
  module_name: Module.
  version: Its newest version.
  overall_score: Score of 0 to 100; NULL when nothing is known of it.
  previous_overall_score: The same at the end of the period it is compared with.
  badge: green, amber, red or unknown.
  unused_field_count: Fields that nobody used in 90 days; NULL when no use is known.
  deprecated_count: Entities and fields marked as deprecated.
  breaking_count: Elements that versions of the last 30 days broke.
  dependent_count: Modules that import it, directly or through others.
  reason: Why parts of the score are missing; NULL when none is.
  module_count: All modules.
  green_count: Modules with a score from 80.
  amber_count: Modules with a score from 50 to 80.
  red_count: Modules with a score below 50.
*/
with
-- The last day of each period that has scores.
days as (
    select
        max(day) filter (where day >= :start::date) as last_day,
        max(day) filter (where day < :previous_end::date) as previous_last_day
    from registry.module_health_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- Each module at the end of the period beside the end of the one before.
modules as (
    select
        health.module_name, health.version, health.overall_score, before.overall_score as previous_overall_score,
        health.badge, health.unused_field_count, health.deprecated_count, health.breaking_count,
        health.dependent_count, health.reason
    from registry.module_health_daily as health
    join days on days.last_day = health.day
    left join registry.module_health_daily as before
        on before.day = days.previous_last_day and before.module_name = health.module_name
    where health.day >= :start::date and health.day < :end::date
),
-- Places by score, by its change, and counts of all.
ranked as (
    select
        module_name, version, overall_score, previous_overall_score, badge, unused_field_count, deprecated_count,
        breaking_count, dependent_count, reason,
        row_number() over (order by overall_score nulls last, module_name collate "C") as score_place,
        row_number() over (
            order by overall_score - previous_overall_score desc nulls last, module_name collate "C"
        ) as improved_place,
        row_number() over (
            order by overall_score - previous_overall_score nulls last, module_name collate "C"
        ) as declined_place,
        count(*) over () as module_count,
        count(*) filter (where badge = 'green') over () as green_count,
        count(*) filter (where badge = 'amber') over () as amber_count,
        count(*) filter (where badge = 'red') over () as red_count
    from modules
)
select
    module_name, version, overall_score, previous_overall_score, badge, unused_field_count, deprecated_count,
    breaking_count, dependent_count, reason, module_count, green_count, amber_count, red_count
from ranked
where score_place <= 20
   or (improved_place <= 5 and overall_score > previous_overall_score)
   or (declined_place <= 5 and overall_score < previous_overall_score)
order by score_place
