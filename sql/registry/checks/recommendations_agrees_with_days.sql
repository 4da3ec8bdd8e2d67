/*
description: >-
  Each recommendation of a day is in one row of the view, each row has the days between its first and its last one, and the
  newest day with scores decides what is open.
*/
with
-- In how many rows of the view each day of a recommendation is.
days as (
    select daily.module_name, daily.recommendation_kind, daily.day, count(spells.module_name) as row_count
    from registry.recommendations_daily as daily
    left join registry.recommendations as spells
        on spells.module_name = daily.module_name
        and spells.recommendation_kind = daily.recommendation_kind
        and daily.day between spells.first_seen_day and spells.last_seen_day
    group by 1, 2, 3
),
-- The days of each row.
spells as (
    select
        spells.module_name, spells.recommendation_kind, spells.state, spells.first_seen_day, spells.last_seen_day,
        spells.day_count, min(daily.day) as first_day, max(daily.day) as last_day, count(daily.day) as found_count
    from registry.recommendations as spells
    left join registry.recommendations_daily as daily
        on daily.module_name = spells.module_name
        and daily.recommendation_kind = spells.recommendation_kind
        and daily.day between spells.first_seen_day and spells.last_seen_day
    group by 1, 2, 3, 4, 5, 6
)
select module_name, recommendation_kind, day, 'the day is not in exactly one row' as problem
from days
where row_count <> 1
union all
select module_name, recommendation_kind, first_seen_day, 'the row has other days'
from spells
where day_count <> found_count
    or first_day is distinct from first_seen_day
    or last_day is distinct from last_seen_day
union all
select module_name, recommendation_kind, first_seen_day, 'the state is wrong'
from spells
where (state = 'open') <> (last_seen_day = (select max(day) from registry.module_health_daily))
