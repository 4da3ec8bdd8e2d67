/*
description: Deprecated entities and fields of one module, as of the end of each day of a range.
parameters:
  module: Name of the module.
columns:
  file_path: File that declares it.
  element: Full name of the entity or field.
  deprecated_since_day: Day on which the first version with the mark was registered.
  usage_count: Uses in the 90 days; 0 also when no use of the module is known.
  last_used_day: Last day with a use in these days; NULL without one.
*/
select file_path, element, deprecated_since_day, usage_count, last_used_day
from registry.deprecated_fields_daily
where day >= :start::date and day < :end::date and module_name = :module
order by day, file_path collate "C", element collate "C"
limit :limit
