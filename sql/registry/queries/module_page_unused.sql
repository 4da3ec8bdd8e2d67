/*
description: >-
  Fields of each module that nobody used, on the last of the days with scores, at most 100 a module; for the pages of modules.
parameters:
  modules: MD5 of the names of the modules, with commas between them; empty for all.
columns:
  module_name: Module.
  element: Full name of the field.
  first_seen_day: Day on which the first version with the field was published.
  is_deprecated: Whether it is marked as deprecated.
  usage_known_since_day: Day since which uses of the module are known, if that is a week or more within the days looked at; else NULL.
*/
with
-- The last day that has scores.
last_days as (
    select max(day) as last_day
    from registry.module_health_daily
    where day >= :start::date and day < :end::date
),
-- The fields of each module, those that are there longest first.
fields as (
    select
        unused.module_name, unused.element, unused.first_seen_day, unused.is_deprecated,
        case
            when unused.usage_known_since_day > unused.day - :schema_unused_days + 7 then unused.usage_known_since_day
        end as usage_known_since_day,
        row_number() over (
            partition by unused.module_name order by unused.first_seen_day, unused.element collate "C"
        ) as number
    from registry.unused_fields_daily as unused
    join last_days on last_days.last_day = unused.day
    where :modules = '' or md5(unused.module_name) in (select unnest(string_to_array(:modules, ',')))
)
select module_name, element, first_seen_day, is_deprecated, usage_known_since_day
from fields
where number <= 100
order by module_name collate "C", number
