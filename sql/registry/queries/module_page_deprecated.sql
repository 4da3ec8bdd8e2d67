/*
description: >-
  What is deprecated in each module and who still uses it, on the last of the days with scores, at most 100 elements a module,
  the most used first; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  element: Full name of the entity or field.
  deprecated_since_day: Day on which the first version with the mark was registered.
  usage_count: Uses in 90 days.
  service_count: Services among the users.
  last_used_day: Last day with a use in these days; NULL without one.
*/
with
-- The last day that has scores.
last_days as (
    select max(day) as last_day
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
),
-- The elements of each module.
elements as (
    select
        deprecated.module_name, deprecated.element, deprecated.deprecated_since_day, deprecated.usage_count,
        deprecated.service_count, deprecated.last_used_day,
        row_number() over (
            partition by deprecated.module_name
            order by deprecated.usage_count desc, deprecated.element collate "C", deprecated.file_path collate "C"
        ) as number
    from registry.deprecated_fields_daily as deprecated
    join last_days on last_days.last_day = deprecated.day
    where :modules = '' or md5(deprecated.module_name) in (select unnest(string_to_array(:modules, ',')))
)
select module_name, element, deprecated_since_day, usage_count, service_count, last_used_day
from elements
where number <= 100
order by module_name collate "C", number
