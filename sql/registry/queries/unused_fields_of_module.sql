/*
description: Fields of one module that nobody used, as of the end of each day of a range.
parameters:
  module: Name of the module.
columns:
  entity: Message, record or object.
  field: Field of the entity.
  element: Full name of the field.
  first_seen_day: Day on which the first version with the field was published.
  is_deprecated: Whether it is marked as deprecated.
  usage_known_since_day: First of the days asked about on which any use of the module is known.
*/
select entity, field, element, first_seen_day, is_deprecated, usage_known_since_day
from registry.unused_fields_daily
where day >= :start::date and day < :end::date and module_name = :module
order by day, element collate "C", entity collate "C", field collate "C"
limit :limit
