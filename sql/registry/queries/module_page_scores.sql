/*
description: >-
  The days on which the score or the version of each module changed, at most 100 a module, the newest first; for the pages
  of modules. The first of the days is compared with nothing.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  day: Day of the change.
  version: Its newest version on the day.
  previous_version: The same on the last day before with scores.
  overall_score: Score of 0 to 100; NULL when nothing is known.
  previous_overall_score: The same on the last day before, as all that follow.
  complexity_score: A part of the score.
  previous_complexity_score: The same before.
  maintainability_score: A part of the score.
  previous_maintainability_score: The same before.
  unused_score: A part of the score.
  previous_unused_score: The same before.
  deprecated_score: A part of the score.
  previous_deprecated_score: The same before.
  breaking_score: A part of the score.
  previous_breaking_score: The same before.
  badge: green, amber, red or unknown.
*/
with
-- Each day beside the one before.
days as (
    select
        module_name, day, version, overall_score, complexity_score, maintainability_score, unused_score,
        deprecated_score, breaking_score, badge,
        lag(day) over in_order as previous_day,
        lag(version) over in_order as previous_version,
        lag(overall_score) over in_order as previous_overall_score,
        lag(complexity_score) over in_order as previous_complexity_score,
        lag(maintainability_score) over in_order as previous_maintainability_score,
        lag(unused_score) over in_order as previous_unused_score,
        lag(deprecated_score) over in_order as previous_deprecated_score,
        lag(breaking_score) over in_order as previous_breaking_score
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
      and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
    window in_order as (partition by module_name order by day)
),
-- The changes of each module, the newest with number 1.
changes as (
    select
        module_name, day, version, previous_version, overall_score, previous_overall_score, complexity_score,
        previous_complexity_score, maintainability_score, previous_maintainability_score, unused_score,
        previous_unused_score, deprecated_score, previous_deprecated_score, breaking_score, previous_breaking_score,
        badge, row_number() over (partition by module_name order by day desc) as number
    from days
    where previous_day is not null
      and (overall_score is distinct from previous_overall_score or version is distinct from previous_version)
)
select
    module_name, day, version, previous_version, overall_score, previous_overall_score, complexity_score,
    previous_complexity_score, maintainability_score, previous_maintainability_score, unused_score,
    previous_unused_score, deprecated_score, previous_deprecated_score, breaking_score, previous_breaking_score, badge
from changes
where number <= 100
order by module_name collate "C", day desc
