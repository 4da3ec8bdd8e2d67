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
  first_seen_day: Day on which the first version with the field was published, of those that were registered by then.
  is_deprecated: Whether it is marked as deprecated.
  usage_known_since_day: First of the 90 days on which any use of the module is known.
*/
with
-- Each version with the day on which the next one of its module came.
versions as (
    select
        day, module_name, version, published_day,
        lead(day) over (partition by module_name order by registered_at, version collate "C") as next_day
    from registry.module_catalog_daily
    where day >= '-infinity'::date and day < :end::date
),
-- Fields that carry data, once for each version, since the same name may stand in several files of JSON Schemas, and when
-- the first version with each was published, of those that were registered by then.
fields as (
    select
        elements.day, elements.module_name, elements.version, elements.entity, elements.field,
        min(elements.element) as element, bool_or(elements.is_deprecated) as is_deprecated,
        min(min(versions.published_day)) over (
            partition by elements.module_name, elements.entity, elements.field order by elements.day
        ) as first_seen_day
    from registry.module_elements_daily as elements
    join versions
        on versions.day = elements.day
        and versions.module_name = elements.module_name
        and versions.version = elements.version
    where elements.day < :end::date and elements.is_data_field
    group by 1, 2, 3, 4, 5
),
-- Days on which each field was used, by whomever.
uses as (
    select distinct day, module_name, entity, field
    from registry.field_usage_daily
    where day > :start::date - :schema_unused_days and day < :end::date
),
-- The modules of each day of which any use is known, and since when.
watched as (
    select modules.day, modules.module_name, min(uses.day) as usage_known_since_day
    from registry.module_dependents_daily as modules
    join uses
        on uses.module_name = modules.module_name
        and uses.day > modules.day - :schema_unused_days
        and uses.day <= modules.day
    where modules.day >= :start::date and modules.day < :end::date
    group by 1, 2
)
select
    watched.day,
    versions.module_name,
    fields.entity,
    fields.field,
    versions.version,
    fields.element,
    fields.first_seen_day,
    fields.is_deprecated,
    watched.usage_known_since_day
from watched
join versions
    on versions.module_name = watched.module_name
    and versions.day <= watched.day
    and (versions.next_day is null or versions.next_day > watched.day)
join fields
    on fields.day = versions.day
    and fields.module_name = versions.module_name
    and fields.version = versions.version
    and fields.first_seen_day <= watched.day - :schema_unused_days
left join uses
    on uses.module_name = fields.module_name
    and uses.entity = fields.entity
    and uses.field = fields.field
    and uses.day > watched.day - :schema_unused_days
    and uses.day <= watched.day
where uses.day is null
