/*
description: >-
  Which services still use what is deprecated in one module at the end of some days: each deprecated entity or field with each
  service that used it in these days, the most uses first.
parameters:
  module: Name of the module.
columns:
  element: Full name of the entity or field.
  deprecated_since_day: Day on which the first version with the mark was registered.
  service: Service that used it; empty when it is unknown.
  usage_count: Its uses in these days, of all fields of a deprecated entity.
  last_used_day: Last day with a use.
*/
with
-- What is deprecated on the last day; a name may stand in several files of JSON Schemas.
deprecated as (
    select distinct entity, field, element, deprecated_since_day
    from registry.deprecated_fields_daily
    where day >= :start::date and day = :end::date - 1 and module_name = :module
)
select
    deprecated.element, deprecated.deprecated_since_day, uses.service,
    sum(uses.usage_count)::bigint as usage_count, max(uses.day) as last_used_day
from deprecated
join registry.field_usage_daily as uses
    on uses.entity = deprecated.entity and (deprecated.field is null or uses.field = deprecated.field)
where uses.day >= :start::date and uses.day < :end::date and uses.module_name = :module
group by 1, 2, 3
order by usage_count desc, deprecated.element collate "C", uses.service collate "C"
limit :limit
