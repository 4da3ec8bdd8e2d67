/*
description: >-
  What the newest 10 versions of each module changed, at most 100 elements a module, the newest version first, in each what
  breaks first; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  version: Version that changed it.
  element: What was changed.
  category: breaking_wire, breaking_source, deprecation, addition, documentation or compatible, of the first change.
  is_breaking: Whether any change of it breaks something.
  rules: The rules that say so, one after the other.
  message: The first of these changes as a sentence.
  element_count: Elements that these versions changed.
*/
with
-- The newest versions of each module.
versions as (
    select module_name, version, day, number
    from (
        select
            module_name, version, day,
            row_number() over (partition by module_name order by registered_at desc, version collate "C" desc) as number
        from registry.module_catalog_daily
        where day < :end::date
          and (:modules = '' or md5(module_name) in (select unnest(string_to_array(:modules, ','))))
    ) as numbered
    where number <= 10
),
-- One row for each element, however many rules are about it.
elements as (
    select
        changes.module_name, changes.version, versions.number, changes.element,
        bool_or(changes.is_breaking) as is_breaking,
        string_agg(changes.rule, ', ' order by changes.rule collate "C") as rules,
        (array_agg(changes.category order by changes.change_number))[1] as category,
        (array_agg(changes.message order by changes.change_number))[1] as message,
        min(changes.change_number) as change_number
    from registry.schema_changes_daily as changes
    join versions
        on versions.day = changes.day
        and versions.module_name = changes.module_name
        and versions.version = changes.version
    where changes.day < :end::date
    group by 1, 2, 3, 4
),
-- Their places in the page of the module.
placed as (
    select
        module_name, version, element, category, is_breaking, rules, message,
        row_number() over (partition by module_name order by number, is_breaking desc, change_number) as ordinal,
        count(*) over (partition by module_name) as element_count
    from elements
)
select module_name, version, element, category, is_breaking, rules, message, element_count
from placed
where ordinal <= 100
order by module_name collate "C", ordinal
