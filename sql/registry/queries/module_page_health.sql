/*
description: The health of each module on the last day of the days, with who imports it; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  version: Its newest version.
  format: Language of the schema, protobuf, avro or json_schema.
  overall_score: Score of 0 to 100; NULL when nothing is known.
  badge: green, amber, red or unknown.
  coverage_ratio: Share of the weight that was known.
  complexity_score: Its part of 25 %.
  maintainability_score: Its part of 35 %.
  unused_score: Its part of 15 %.
  deprecated_score: Its part of 10 %.
  breaking_score: Its part of 15 %.
  entity_count: Messages, enums, services, records and objects.
  fields_per_entity: Fields per message, record or object.
  nesting_depth: Entities around the innermost one.
  documented_ratio: Documented elements per element.
  named_ratio: Names in the style of the format, per name.
  largest_entity_fields: Fields of the largest entity.
  import_depth: Steps of the longest way from a file to what it needs.
  unused_field_count: Fields of at least 90 days that nobody used in 90 days; NULL when no use is known.
  old_field_count: Fields of at least 90 days.
  deprecated_count: Entities and fields marked as deprecated.
  breaking_count: Elements that versions of the last 30 days broke.
  dependent_count: Modules that import it, directly or through others.
  reason: Why parts are missing, one reason a line; NULL when none is.
  formula_version: Version of the formula.
  imported_modules: Modules that it imports, one a line; NULL without any.
  direct_dependents: Modules that import it directly, one a line; NULL without any.
  dependents: Modules that import it directly or through others, one a line; NULL without any.
*/
with
-- The last day that has scores.
last_days as (
    select max(day) as last_day
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
)
select
    health.module_name, health.version, health.format, health.overall_score, health.badge, health.coverage_ratio,
    health.complexity_score, health.maintainability_score, health.unused_score, health.deprecated_score,
    health.breaking_score, health.entity_count, health.fields_per_entity, health.nesting_depth,
    health.documented_ratio, health.named_ratio, health.largest_entity_fields, health.import_depth,
    health.unused_field_count, health.old_field_count, health.deprecated_count, health.breaking_count,
    health.dependent_count, health.reason, health.formula_version,
    graph.imported_modules, graph.direct_dependents, graph.dependents
from registry.module_health_daily as health
join last_days on last_days.last_day = health.day
left join registry.module_dependents_daily as graph
    on graph.day = health.day and graph.module_name = health.module_name
where :modules = '' or md5(health.module_name) in (select unnest(string_to_array(:modules, ',')))
order by health.module_name collate "C"
