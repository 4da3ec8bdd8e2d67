/*
description: >-
  Why the score of each module is another one than on the day before: a row for each module and UTC day on which its score, a
  part of it or its version is not as on the last day with scores before, and for the first score in 30 days.
key: [day, module_name]
function: {name: module_health_changes, version: 1}
columns:
  day: [date, "UTC calendar day, at whose end the score holds."]
  module_name: [text, Module.]
  version: [text, Newest version on the day.]
  overall_score: [double precision, "Score of 0 to 100; NULL when nothing is known."]
  badge: [text, "green, amber, red or unknown."]
  previous_day: [date, "The last day before with scores, at most 30 days ago; NULL when there is none."]
  previous_version: [text, The newest version then.]
  previous_overall_score: [double precision, The score then.]
  change_reason: [text, "Which parts moved, from what to what, and why, one part a line."]
checks:
  - expect_column_values_to_not_be_null: {column: change_reason}
*/
with
-- Each score beside the day before that has one of the module.
steps as (
    select
        day, module_name,
        lag(day) over (partition by module_name order by day) as before_day
    from registry.module_health_daily
    where day > :start::date - 31 and day < :end::date
),
-- The versions that broke something.
breaks as (
    select distinct day, module_name, version
    from registry.schema_changes_daily
    where day > :start::date - 61 and day < :end::date and is_breaking
),
-- Those that came since the day before, and those that count no more since then, as they are 30 days old.
moved as (
    select
        steps.day, steps.module_name,
        case when breaks.day > steps.before_day then breaks.version end as came,
        case when breaks.day <= steps.day - 30 then breaks.version end as went
    from steps
    join breaks
        on breaks.module_name = steps.module_name
        and breaks.day > steps.before_day - 30
        and breaks.day <= steps.day
),
-- The same, one a line.
broken as (
    select
        day, module_name,
        string_agg(came, chr(10) order by came collate "C") as broken_by,
        string_agg(went, chr(10) order by went collate "C") as broken_before
    from moved
    group by 1, 2
)
select
    scored.day,
    scored.module_name,
    scored.badge,
    scored.version, scored.formula_version, scored.reason, scored.overall_score, scored.complexity_score,
    scored.maintainability_score, scored.unused_score, scored.deprecated_score, scored.breaking_score,
    scored.entity_count, scored.fields_per_entity, scored.nesting_depth, scored.documented_ratio,
    scored.named_ratio, scored.largest_entity_fields, scored.import_depth, scored.unused_field_count,
    scored.old_field_count, scored.deprecated_count, scored.breaking_count,
    earlier.day as previous_day,
    earlier.version as previous_version, earlier.formula_version as previous_formula_version,
    earlier.reason as previous_reason, earlier.overall_score as previous_overall_score,
    earlier.complexity_score as previous_complexity_score,
    earlier.maintainability_score as previous_maintainability_score, earlier.unused_score as previous_unused_score,
    earlier.deprecated_score as previous_deprecated_score, earlier.breaking_score as previous_breaking_score,
    earlier.entity_count as previous_entity_count, earlier.fields_per_entity as previous_fields_per_entity,
    earlier.nesting_depth as previous_nesting_depth, earlier.documented_ratio as previous_documented_ratio,
    earlier.named_ratio as previous_named_ratio, earlier.largest_entity_fields as previous_largest_entity_fields,
    earlier.import_depth as previous_import_depth, earlier.unused_field_count as previous_unused_field_count,
    earlier.old_field_count as previous_old_field_count, earlier.deprecated_count as previous_deprecated_count,
    earlier.breaking_count as previous_breaking_count,
    broken.broken_by,
    broken.broken_before
from registry.module_health_daily as scored
join steps on steps.day = scored.day and steps.module_name = scored.module_name
left join registry.module_health_daily as earlier
    on earlier.module_name = steps.module_name
    and earlier.day = steps.before_day
    and earlier.day >= steps.day - 30
    and earlier.day > :start::date - 31
    and earlier.day < :end::date
left join broken on broken.day = steps.day and broken.module_name = steps.module_name
where scored.day >= :start::date
  and scored.day < :end::date
  and (
    earlier.day is null
    or scored.version <> earlier.version
    or scored.formula_version <> earlier.formula_version
    or coalesce(scored.overall_score, -1) <> coalesce(earlier.overall_score, -1)
    or coalesce(scored.complexity_score, -1) <> coalesce(earlier.complexity_score, -1)
    or coalesce(scored.maintainability_score, -1) <> coalesce(earlier.maintainability_score, -1)
    or coalesce(scored.unused_score, -1) <> coalesce(earlier.unused_score, -1)
    or coalesce(scored.deprecated_score, -1) <> coalesce(earlier.deprecated_score, -1)
    or coalesce(scored.breaking_score, -1) <> coalesce(earlier.breaking_score, -1)
  )
