/*
description: >-
  The recommendations of each module that are open on the last of the days with scores, those that are open longest first;
  for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  recommendation_kind: split_module, remove_unused_fields, clean_up_deprecations, reduce_breaking_changes or coordinate_with_dependents.
  recommendation: What to do, a sentence with the number that led to it.
  evidence: The elements it is about, one a line; NULL when it is about the module.
  first_seen_day: First of the days without a break on which it was open.
*/
with
-- The last day that has scores.
last_days as (
    select max(day) as last_day
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
),
-- What is open on it.
open as (
    select daily.day, daily.module_name, daily.recommendation_kind, daily.recommendation, daily.evidence
    from registry.recommendations_daily as daily
    join last_days on last_days.last_day = daily.day
    where :modules = '' or md5(daily.module_name) in (select unnest(string_to_array(:modules, ',')))
),
-- The last day before on which the module had a score and not the recommendation.
closed as (
    select open.module_name, open.recommendation_kind, max(health.day) as last_closed_day
    from open
    join registry.module_health_daily as health
        on health.module_name = open.module_name and health.day < open.day
    left join registry.recommendations_daily as earlier
        on earlier.day = health.day
        and earlier.module_name = open.module_name
        and earlier.recommendation_kind = open.recommendation_kind
    where earlier.day is null
    group by 1, 2
)
select
    open.module_name, open.recommendation_kind, open.recommendation, open.evidence,
    min(earlier.day) as first_seen_day
from open
left join closed
    on closed.module_name = open.module_name and closed.recommendation_kind = open.recommendation_kind
join registry.recommendations_daily as earlier
    on earlier.module_name = open.module_name
    and earlier.recommendation_kind = open.recommendation_kind
    and earlier.day <= open.day
    and (closed.last_closed_day is null or earlier.day > closed.last_closed_day)
group by 1, 2, 3, 4
order by open.module_name collate "C", first_seen_day, open.recommendation_kind collate "C"
