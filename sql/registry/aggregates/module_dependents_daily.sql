/*
description: Which modules import each module, directly and through others, as of the end of each UTC day with events.
key: [day, module_name]
function: {name: module_dependents, version: 1}
columns:
  day: [date, "UTC calendar day, at whose end the row holds."]
  module_name: [text, Module.]
  imported_count: [bigint, Modules that its newest version imports.]
  imported_modules: [text, "These modules, one a line; NULL without any."]
  direct_dependent_count: [bigint, Modules whose newest version imports it.]
  dependent_count: [bigint, "Modules that import it, directly or through others."]
  direct_dependents: [text, "The modules that import it directly, one a line; NULL without any."]
  dependents: [text, "The modules that import it, directly or through others, one a line; NULL without any."]
checks:
  - expect_column_values_to_be_between: {column: dependent_count, min_value: 0}
*/
with
-- Days on which something happened in the registry.
days as (
    select day from registry.module_stats_daily where day >= :start::date and day < :end::date
    union
    select day from registry.module_versions_daily where day >= :start::date and day < :end::date
    union
    select day from registry.field_usage_daily where day >= :start::date and day < :end::date
),
-- Each version with the day on which the next one of its module came.
versions as (
    select
        day, module_name, format, provides, needs,
        lead(day) over (partition by module_name order by registered_at, version collate "C") as next_day
    from registry.module_catalog_daily
    where day >= '-infinity'::date and day < :end::date
)
select days.day, versions.module_name, versions.format, versions.provides, versions.needs
from days
join versions on versions.day <= days.day and (versions.next_day is null or versions.next_day > days.day)
order by days.day, versions.module_name collate "C"
