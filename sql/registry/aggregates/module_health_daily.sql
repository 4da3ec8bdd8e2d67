/*
description: >-
  The health of each module as of the end of each UTC day with events: a score of 0 to 100 of its newest version, with all
  its parts. docs/health-scoring.md explains the formula.
key: [day, module_name]
function: {name: module_health, version: 1}
columns:
  day: [date, "UTC calendar day, at whose end the row holds."]
  module_name: [text, Module.]
  version: [text, Newest version on the day.]
  format: [text, "Language of the schema, protobuf, avro or json_schema."]
  overall_score: [double precision, "Weighted mean of the scores that are known, 0 to 100; NULL when none is."]
  badge: [text, "green from 80, amber from 50, else red; unknown without a score."]
  coverage_ratio: [double precision, "Share of the weight that was known."]
  complexity_score: [double precision, "100 less the complexity; NULL when the version cannot be read."]
  maintainability_score: [double precision, "Documentation, names, largest entity and import depth; NULL when the version cannot be read."]
  unused_score: [double precision, "100 times the share of fields that were used, of those of at least 90 days; NULL when it is unknown."]
  deprecated_score: [double precision, "100 times the share of elements that are not deprecated; NULL when it is unknown."]
  breaking_score: [double precision, "100 when versions of the last 30 days broke nothing; NULL when they could not be compared."]
  complexity: [double precision, "0 to 100, from entities, fields and nesting."]
  entity_count: [bigint, "Messages, enums, services, records and objects."]
  fields_per_entity: [double precision, "Fields per message, record or object."]
  nesting_depth: [bigint, Entities around the innermost one.]
  documented_ratio: [double precision, Documented elements per element.]
  named_ratio: [double precision, "Names in the style of the format, per name."]
  largest_entity_fields: [bigint, Fields of the largest entity.]
  import_depth: [bigint, Steps of the longest way from a file to what it needs.]
  unused_field_count: [bigint, "Fields of at least 90 days that nobody used in 90 days; NULL when no use is known."]
  old_field_count: [bigint, Fields of at least 90 days.]
  deprecated_count: [bigint, Entities and fields marked as deprecated.]
  breaking_count: [bigint, Elements that versions of the last 30 days broke.]
  dependent_count: [bigint, "Modules that import it, directly or through others."]
  reason: [text, "Why parts are missing, one reason a line; NULL when none is."]
  recommendations: [text, "What would make it healthier, as JSON; registry.recommendations_daily has it as rows."]
  formula_version: [text, Version of the formula.]
checks:
  - expect_column_values_to_be_between: {column: overall_score, min_value: 0, max_value: 100}
  - expect_column_values_to_be_between: {column: coverage_ratio, min_value: 0, max_value: 1}
  - expect_column_values_to_be_in_set: {column: badge, value_set: [green, amber, red, unknown]}
*/
with
-- Each version with the day on which the next one of its module came.
versions as (
    select
        day, module_name, version, published_day, format, fault, raw_measures, obstacle,
        lead(day) over (partition by module_name order by registered_at, version collate "C") as next_day
    from registry.module_catalog_daily
    where day >= '-infinity'::date and day < :end::date
),
-- The newest version of each module on each day.
newest as (
    select
        graph.day, graph.module_name, graph.dependent_count,
        versions.day as first_day, versions.version, versions.format, versions.fault, versions.raw_measures
    from registry.module_dependents_daily as graph
    join versions
        on versions.module_name = graph.module_name
        and versions.day <= graph.day
        and (versions.next_day is null or versions.next_day > graph.day)
    where graph.day >= :start::date and graph.day < :end::date
),
-- Fields that carry data, once for each version, with the day from which they count their age.
fields as (
    select
        elements.day, elements.module_name, elements.version,
        min(min(versions.published_day)) over (
            partition by elements.module_name, elements.entity, elements.field order by elements.day
        ) as first_seen_day
    from registry.module_elements_daily as elements
    join versions
        on versions.day = elements.day
        and versions.module_name = elements.module_name
        and versions.version = elements.version
    where elements.day < :end::date and elements.is_data_field
    group by 1, 2, 3, elements.entity, elements.field
),
-- How many fields of the newest version are old enough.
old_fields as (
    select newest.day, newest.module_name, count(*) as old_field_count
    from newest
    join fields
        on fields.day = newest.first_day
        and fields.module_name = newest.module_name
        and fields.version = newest.version
        and fields.first_seen_day <= newest.day - :schema_unused_days
    group by 1, 2
),
-- Modules of which any use of a field is known in these days.
watched as (
    select distinct newest.day, newest.module_name
    from newest
    join registry.field_usage_daily as uses
        on uses.module_name = newest.module_name
        and uses.day > newest.day - :schema_unused_days
        and uses.day <= newest.day
    where uses.day > :start::date - :schema_unused_days and uses.day < :end::date
),
-- The unused fields of each module, one a line.
unused as (
    select day, module_name, string_agg(element, chr(10) order by element collate "C") as unused_elements
    from registry.unused_fields_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Elements that versions of the last 30 days broke, each once.
broken as (
    select distinct newest.day, newest.module_name, changes.element
    from newest
    join registry.schema_changes_daily as changes
        on changes.module_name = newest.module_name
        and changes.day > newest.day - 30
        and changes.day <= newest.day
    where changes.day > :start::date - 30 and changes.day < :end::date and changes.is_breaking
),
-- These elements of each module, one a line.
breaking as (
    select day, module_name, string_agg(element, chr(10) order by element collate "C") as broken_elements
    from broken
    group by 1, 2
),
-- Whether each version of the last 30 days could be compared with the one before.
compared as (
    select newest.day, newest.module_name, bool_and(versions.obstacle is null) as is_compared
    from newest
    join versions
        on versions.module_name = newest.module_name
        and versions.day > newest.day - 30
        and versions.day <= newest.day
    group by 1, 2
)
select
    newest.day,
    newest.module_name,
    newest.version,
    newest.format,
    newest.fault,
    newest.raw_measures,
    :schema_unused_days as unused_days,
    watched.module_name is not null as has_usage,
    coalesce(old_fields.old_field_count, 0) as old_field_count,
    unused.unused_elements,
    coalesce(compared.is_compared, true) as is_compared,
    breaking.broken_elements,
    newest.dependent_count
from newest
left join old_fields on old_fields.day = newest.day and old_fields.module_name = newest.module_name
left join watched on watched.day = newest.day and watched.module_name = newest.module_name
left join unused on unused.day = newest.day and unused.module_name = newest.module_name
left join breaking on breaking.day = newest.day and breaking.module_name = newest.module_name
left join compared on compared.day = newest.day and compared.module_name = newest.module_name
