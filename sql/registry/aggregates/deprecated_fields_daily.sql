/*
description: >-
  Entities and fields of the newest version of each module that are marked as deprecated, as of the end of each UTC day with
  events, and who still used them in the 90 days up to it.
key: [day, module_name, file_path, element]
columns:
  day: UTC calendar day, at whose end the row holds.
  module_name: Module.
  file_path: File that declares it.
  element: Full name of the entity or field.
  version: Newest version of the module on the day.
  entity: Message, enum, service, record or object.
  field: Field of the entity; NULL when the entity itself is deprecated.
  deprecated_since_day: Day on which the first version with the mark was registered.
  usage_count: Uses in the 90 days, of all fields of a deprecated entity; 0 also when no use of the module is known.
  service_count: Services among the users, unknown ones together as one.
  last_used_day: Last day with a use in these days; NULL without one.
checks:
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: usage_count, column_B: service_count, or_equal: true}
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
-- What is deprecated in any version.
marked as (
    select day, module_name, version, file_path, element, entity, field
    from registry.module_elements_daily
    where day < :end::date and is_deprecated
),
-- The first version with the mark.
births as (
    select module_name, element, min(day) as deprecated_since_day
    from marked
    group by 1, 2
),
-- What is deprecated in the newest version of each day.
deprecated as (
    select
        graph.day, graph.module_name, marked.file_path, marked.element, marked.version, marked.entity, marked.field,
        births.deprecated_since_day
    from registry.module_dependents_daily as graph
    join versions
        on versions.module_name = graph.module_name
        and versions.day <= graph.day
        and (versions.next_day is null or versions.next_day > graph.day)
    join marked
        on marked.day = versions.day
        and marked.module_name = versions.module_name
        and marked.version = versions.version
    join births on births.module_name = marked.module_name and births.element = marked.element
    where graph.day >= :start::date and graph.day < :end::date
),
-- Uses of each field by each service and day.
uses as (
    select day, module_name, entity, field, service, usage_count
    from registry.field_usage_daily
    where day > :start::date - :schema_unused_days and day < :end::date
)
select
    deprecated.day,
    deprecated.module_name,
    deprecated.file_path,
    deprecated.element,
    deprecated.version,
    deprecated.entity,
    deprecated.field,
    deprecated.deprecated_since_day,
    coalesce(sum(uses.usage_count), 0)::bigint as usage_count,
    count(distinct uses.service) as service_count,
    max(uses.day) as last_used_day
from deprecated
left join uses
    on uses.module_name = deprecated.module_name
    and uses.entity = deprecated.entity
    and (deprecated.field is null or uses.field = deprecated.field)
    and uses.day > deprecated.day - :schema_unused_days
    and uses.day <= deprecated.day
group by 1, 2, 3, 4, 5, 6, 7, 8
