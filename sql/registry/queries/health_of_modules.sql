/*
description: The health of schemas on each day, of one module or of all, the lowest scores of a day first.
parameters:
  module: Name of the module; empty for all.
columns:
  day: UTC calendar day, at whose end the row holds.
  module_name: Module.
  version: Its newest version.
  overall_score: Score of 0 to 100; NULL when nothing is known.
  badge: green, amber, red or unknown.
  coverage_ratio: Share of the weight that was known.
  complexity_score: Its part of 25 %.
  maintainability_score: Its part of 35 %.
  unused_score: Its part of 15 %.
  deprecated_score: Its part of 10 %.
  breaking_score: Its part of 15 %.
  dependent_count: Modules that import it, directly or through others.
  reason: Why parts are missing, one reason a line; NULL when none is.
*/
select
    day, module_name, version, overall_score, badge, coverage_ratio, complexity_score, maintainability_score,
    unused_score, deprecated_score, breaking_score, dependent_count, reason
from registry.module_health_daily
where day >= :start::date and day < :end::date and (:module = '' or module_name = :module)
order by day, overall_score nulls last, module_name collate "C"
limit :limit
