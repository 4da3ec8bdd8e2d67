/*
description: How far the sessions of the period came; no row when there were none.
columns:
  stage: Sessions, then the action that a conversion starts with, then its goal.
  session_count: Sessions of the period that came so far.
  previous_session_count: Sessions of the period before that did.
  session_ratio: Share of all sessions of the period.
*/
with
-- Both periods.
totals as (
    select
        coalesce(sum(session_count) filter (where day >= :start::date), 0)::bigint as session_count,
        coalesce(sum(started_count) filter (where day >= :start::date), 0)::bigint as started_count,
        coalesce(sum(converted_count) filter (where day >= :start::date), 0)::bigint as converted_count,
        coalesce(sum(session_count) filter (where day < :start::date), 0)::bigint as previous_session_count,
        coalesce(sum(started_count) filter (where day < :start::date), 0)::bigint as previous_started_count,
        coalesce(sum(converted_count) filter (where day < :start::date), 0)::bigint as previous_converted_count
    from services.conversion_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- One row for each stage.
stages as (
    select 1 as stage_number, 'session' as stage, session_count, previous_session_count, session_count as all_count
    from totals
    union all
    select 2, :services_conversion_start, started_count, previous_started_count, session_count from totals
    union all
    select 3, :services_conversion_goal, converted_count, previous_converted_count, session_count from totals
)
select
    stage,
    session_count,
    previous_session_count,
    session_count::double precision / all_count as session_ratio
from stages
where all_count > 0
order by stage_number
