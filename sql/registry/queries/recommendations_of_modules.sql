/*
description: Recommendations, the open ones first, of these those that are open longest; then the closed ones, the last closed first.
parameters:
  module: Module; empty for all.
  state: open or closed; empty for both.
columns:
  module_name: Module.
  recommendation_kind: split_module, remove_unused_fields, clean_up_deprecations, reduce_breaking_changes or coordinate_with_dependents.
  state: open or closed.
  first_seen_day: First of the days without a break on which it was open.
  last_seen_day: Last of these days.
  recommendation: What to do, as said on the last of these days.
  evidence: The elements it was about on that day, one a line; NULL when it was about the module.
*/
select module_name, recommendation_kind, state, first_seen_day, last_seen_day, recommendation, evidence
from registry.recommendations
where (:module = '' or module_name = :module) and (:state = '' or state = :state)
order by
    state = 'open' desc, last_seen_day desc, first_seen_day, module_name collate "C", recommendation_kind collate "C"
limit :limit
