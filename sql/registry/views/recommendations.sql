/*
description: >-
  Every recommendation with its state: one row for each time it was open without a break. One that is closed and comes
  again is a row of its own.
key: [module_name, recommendation_kind, first_seen_day]
columns:
  module_name: Module.
  recommendation_kind: split_module, remove_unused_fields, clean_up_deprecations, reduce_breaking_changes or coordinate_with_dependents.
  state: open when the newest day with scores has it, else closed.
  first_seen_day: First of the days without a break on which it was open; a day without a score of the module is no break.
  last_seen_day: Last of these days.
  day_count: Days from the first to the last on which it was open, so those without a score are not counted.
  recommendation: What to do, as said on the last of these days.
  evidence: The elements it was about on that day, one a line; NULL when it was about the module.
checks:
  - expect_column_values_to_be_between: {column: day_count, min_value: 1}
  - expect_column_values_to_be_in_set: {column: state, value_set: [open, closed]}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: last_seen_day, column_B: first_seen_day, or_equal: true}
*/
with
-- The days on which each module has a score, with numbers, as only these can close a recommendation.
scored as (
    select module_name, day, row_number() over (partition by module_name order by day) as number
    from registry.module_health_daily
),
-- Days without a break have numbers that grow by 1, as their position does: the difference names the spell.
open_days as (
    select
        open.module_name, open.recommendation_kind, open.day,
        scored.number
            - row_number() over (partition by open.module_name, open.recommendation_kind order by open.day) as spell
    from registry.recommendations_daily as open
    join scored on scored.module_name = open.module_name and scored.day = open.day
),
-- First and last day of each spell.
spells as (
    select
        module_name, recommendation_kind, min(day) as first_seen_day, max(day) as last_seen_day, count(*) as day_count
    from open_days
    group by module_name, recommendation_kind, spell
)
select
    spells.module_name,
    spells.recommendation_kind,
    case
        when spells.last_seen_day = (select max(day) from registry.module_health_daily) then 'open' else 'closed'
    end as state,
    spells.first_seen_day,
    spells.last_seen_day,
    spells.day_count,
    last_days.recommendation,
    last_days.evidence
from spells
join registry.recommendations_daily as last_days
    on last_days.module_name = spells.module_name
    and last_days.recommendation_kind = spells.recommendation_kind
    and last_days.day = spells.last_seen_day
