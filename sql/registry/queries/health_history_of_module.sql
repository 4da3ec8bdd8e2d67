/*
description: The health of one module on each day, with what it was computed from, the newest day first.
parameters:
  module: Name of the module.
columns:
  day: UTC calendar day, at whose end the row holds.
  module_name: Module.
  version: Its newest version.
  overall_score: Score of 0 to 100; NULL when nothing is known.
  badge: green, amber, red or unknown.
  coverage_ratio: Share of the weight that was known.
  complexity_score: 100 less the complexity; NULL when the version cannot be read.
  maintainability_score: Documentation, names, largest entity and import depth; NULL when the version cannot be read.
  unused_score: 100 times the share of old fields that were used; NULL when it is unknown.
  deprecated_score: 100 times the share of elements that are not deprecated; NULL when it is unknown.
  breaking_score: 100 when versions of the last 30 days broke nothing; NULL when they could not be compared.
  complexity: 0 to 100, from entities, fields and nesting.
  entity_count: Messages, enums, services, records and objects.
  fields_per_entity: Fields per message, record or object.
  nesting_depth: Entities around the innermost one.
  documented_ratio: Documented elements per element.
  named_ratio: Names in the style of the format, per name.
  unused_field_count: Old fields that nobody used; NULL when no use is known.
  old_field_count: Fields of at least 90 days.
  deprecated_count: Entities and fields marked as deprecated.
  breaking_count: Elements that versions of the last 30 days broke.
  dependent_count: Modules that import it, directly or through others.
  dependents: These modules, one a line; NULL without any.
  reason: Why parts are missing, one reason a line; NULL when none is.
  recommendations: What would make it healthier, as JSON.
  change_reason: Why the score is another one than on the day before, one part a line; NULL when it is not.
*/
select
    health.day, health.module_name, health.version, health.overall_score, health.badge, coverage_ratio, complexity_score,
    maintainability_score, unused_score, deprecated_score, breaking_score, complexity, entity_count, fields_per_entity,
    nesting_depth, documented_ratio, named_ratio, unused_field_count, old_field_count, deprecated_count, breaking_count,
    health.dependent_count, dependents, reason, recommendations,
    change_reason
from registry.module_health_daily as health
left join registry.module_dependents_daily as imports
    on imports.day = health.day and imports.module_name = health.module_name
left join registry.module_health_changes_daily as changes
    on changes.day = health.day and changes.module_name = health.module_name
where health.day >= :start::date and health.day < :end::date and health.module_name = :module
order by health.day desc
limit :limit
