/*
description: The 50 elements of schemas that new versions of the period broke, those of modules with most dependents first.
columns:
  day: Day the version was registered on.
  module_name: Module.
  version: Version that broke it.
  previous_version: The version before.
  element: What was broken.
  rules: The rules that say so, one after the other.
  message: The first of these changes as a sentence.
  dependent_count: Modules that import it, directly or through others, on that day.
  element_count: Elements that were broken in the period, of all modules.
  version_count: Versions that broke any.
*/
with
-- One row for each element, however many rules are about it.
elements as (
    select
        day, module_name, version, min(previous_version) as previous_version, element,
        string_agg(rule, ', ' order by rule collate "C") as rules, min(change_number) as change_number
    from registry.schema_changes_daily
    where day >= :start::date and day < :end::date and is_breaking
    group by 1, 2, 3, 5
),
-- The versions that broke any.
versions as (
    select count(*) as version_count
    from (select distinct module_name, version from elements) as distinct_versions
),
-- Beside the sentence, and who imports the module.
told as (
    select
        elements.day, elements.module_name, elements.version, elements.previous_version, elements.element,
        elements.rules, changes.message, coalesce(graph.dependent_count, 0) as dependent_count,
        count(*) over () as element_count
    from elements
    join registry.schema_changes_daily as changes
        on changes.day = elements.day
        and changes.module_name = elements.module_name
        and changes.version = elements.version
        and changes.change_number = elements.change_number
    left join registry.module_dependents_daily as graph
        on graph.day = elements.day and graph.module_name = elements.module_name
)
select
    day, module_name, version, previous_version, element, rules, message, dependent_count, element_count,
    versions.version_count
from told
cross join versions
order by dependent_count desc, day, module_name collate "C", version collate "C", element collate "C"
limit 50
