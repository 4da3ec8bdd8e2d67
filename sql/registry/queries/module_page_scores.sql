/*
description: >-
  The days on which the score of each module, a part of it or its version changed, at most 100 a module, the newest first; for
  the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  day: Day of the change.
  version: Its newest version on the day.
  previous_day: The last day before with scores; NULL when there is none in 30 days.
  previous_version: Its newest version then.
  overall_score: Score of 0 to 100; NULL when nothing is known.
  previous_overall_score: The score on the last day before.
  badge: green, amber, red or unknown.
  change_reason: Which parts moved, from what to what, and why, one part a line.
*/
with
-- The changes of each module, the newest with number 1.
changes as (
    select
        module_name, day, version, previous_day, previous_version, overall_score, previous_overall_score, badge,
        change_reason, row_number() over (partition by module_name order by day desc) as number
    from registry.module_health_changes_daily
    where day >= :start::date and day < :end::date
      and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
)
select
    module_name, day, version, previous_day, previous_version, overall_score, previous_overall_score, badge, change_reason
from changes
where number <= 100
order by module_name collate "C", day desc
