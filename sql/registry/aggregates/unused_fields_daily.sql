/*
description: >-
  Fields of the newest version of each module that nobody used in the 90 days up to each UTC day, though they are at least
  90 days old. Modules without any known use in these days have no rows: their use is unknown.
key: [day, module_name, entity, field]
columns:
  day: UTC calendar day, at whose end the row holds.
  module_name: Module.
  entity: Message, record or object.
  field: Field of the entity.
  version: Newest version of the module on the day.
  element: Full name of the field.
  first_seen_day: Day on which the first version with the field was registered.
  is_deprecated: Whether it is marked as deprecated.
*/
with
-- Each version with the day on which the next one of its module came.
versions as (
    select
        day, module_name, version,
        lead(day) over (partition by module_name order by registered_at, version collate "C") as next_day
    from registry.module_catalog_daily
    where day >= '-infinity'::date and day < :end::date
),
-- Fields that carry data, once for each version; the same name may stand in several files of JSON Schemas.
fields as (
    select
        day, module_name, version, entity, field,
        min(element) as element, bool_or(is_deprecated) as is_deprecated
    from registry.module_elements_daily
    where day < :end::date and is_data_field
    group by 1, 2, 3, 4, 5
),
-- The first version with each field.
births as (
    select module_name, entity, field, min(day) as first_seen_day
    from fields
    group by 1, 2, 3
),
-- Days on which each field was used, by whomever.
uses as (
    select distinct day, module_name, entity, field
    from registry.field_usage_daily
    where day > :start::date - :schema_unused_days and day < :end::date
),
-- The modules of each day of which any use is known.
watched as (
    select distinct modules.day, modules.module_name
    from registry.module_dependents_daily as modules
    join uses
        on uses.module_name = modules.module_name
        and uses.day > modules.day - :schema_unused_days
        and uses.day <= modules.day
    where modules.day >= :start::date and modules.day < :end::date
)
select
    watched.day,
    versions.module_name,
    fields.entity,
    fields.field,
    versions.version,
    fields.element,
    births.first_seen_day,
    fields.is_deprecated
from watched
join versions
    on versions.module_name = watched.module_name
    and versions.day <= watched.day
    and (versions.next_day is null or versions.next_day > watched.day)
join fields
    on fields.day = versions.day
    and fields.module_name = versions.module_name
    and fields.version = versions.version
join births
    on births.module_name = fields.module_name
    and births.entity = fields.entity
    and births.field = fields.field
    and births.first_seen_day <= watched.day - :schema_unused_days
left join uses
    on uses.module_name = fields.module_name
    and uses.entity = fields.entity
    and uses.field = fields.field
    and uses.day > watched.day - :schema_unused_days
    and uses.day <= watched.day
where uses.day is null
