/*
description: What would make each module healthier, as of the end of each UTC day with events.
key: [day, module_name, recommendation_kind]
function: {name: rows_of_json, version: 1}
columns:
  day: [date, "UTC calendar day, at whose end the recommendation is open."]
  module_name: [text, Module.]
  recommendation_kind: [text, "split_module, remove_unused_fields, clean_up_deprecations, reduce_breaking_changes or coordinate_with_dependents."]
  recommendation: [text, "What to do, a sentence with the number that led to it."]
  evidence: [text, "The elements it is about, one a line; NULL when it is about the module."]
*/
select day, module_name, recommendations as items
from registry.module_health_daily
where day >= :start::date and day < :end::date
