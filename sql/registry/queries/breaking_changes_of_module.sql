/*
description: What versions of one module broke that were registered in a range of days, the newest first.
parameters:
  module: Name of the module.
columns:
  day: UTC calendar day the version was registered on.
  version: Version of the module.
  previous_version: The version it is compared with.
  element: What was changed.
  rule: The rule that says so.
  category: breaking_wire or breaking_source, or another one that breaks.
  message: The change, as a sentence.
*/
select day, version, previous_version, element, rule, category, message
from registry.schema_changes_daily
where day >= :start::date and day < :end::date and module_name = :module and is_breaking
order by day desc, version collate "C", change_number
limit :limit
