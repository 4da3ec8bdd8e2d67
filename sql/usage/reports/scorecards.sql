/*
description: >-
  Schemas with something to do, as of the newest day with events of the period: the 15 lowest scores, then 10 without a
  score, zombies first.
columns:
  day: The day the scores are of.
  schema_name: The schema's id as text.
  overall_score: 0 to 100; NULL when there is too little to judge.
  success_rate_score: 0 to 100.
  performance_score: 0 to 100.
  activity_score: 0 to 100.
  is_zombie: Not used for 90 days, or never in the 30 days since it was first seen.
  recommendations: What to do.
  schemas_scored: How many schemas have a score on the day.
  schemas_good: How many of them have 80 or more.
  schemas_poor: How many of them have less than 50.
*/
with
-- The newest day of the period.
latest as (
    select max(day) as day
    from usage.schema_health_daily
    where day >= :start::date and day < :end::date
),
-- All schemas of that day; counts first, so that cutting the list cannot change them.
scores as (
    select
        health.day, schema_id, overall_score, success_rate_score, performance_score, activity_score, is_zombie,
        recommendations,
        count(overall_score) over () as schemas_scored,
        count(*) filter (where overall_score >= 80) over () as schemas_good,
        count(*) filter (where overall_score < 50) over () as schemas_poor
    from usage.schema_health_daily as health
    join latest on health.day = latest.day
),
-- The position among those with and without a score.
ranked as (
    select
        day, schema_id, overall_score, success_rate_score, performance_score, activity_score, is_zombie,
        recommendations, schemas_scored, schemas_good, schemas_poor,
        row_number() over (
            partition by overall_score is null order by overall_score, is_zombie desc, schema_id
        ) as rank
    from scores
    where recommendations is not null
)
select
    day,
    schema_id::text as schema_name,
    overall_score,
    success_rate_score,
    performance_score,
    activity_score,
    is_zombie,
    replace(recommendations, chr(10), ' ') as recommendations,
    schemas_scored,
    schemas_good,
    schemas_poor
from ranked
where rank <= case when overall_score is null then 10 else 15 end
order by overall_score is null, rank
