/*
description: >-
  The executions of a day are those that began on it by their records, and not in the 2 days before. The completed ones
  succeeded in each of the three tiers. Each has one fate, except those that succeeded in redis but not in each tier before.
*/
with
-- What the table says.
told as (
    select
        day, execution_count, completed_count,
        completed_count + lost_before_clickhouse_count + lost_before_redis_count
            + stopped_in_mongo_count + stopped_in_clickhouse_count + stopped_in_redis_count as fate_count
    from schedules.schedule_flow_daily
    where day >= :start::date and day < :end::date
),
-- The day the execution began on by each record, at most 2 days before it.
records as (
    select
        execution_id, schedule_type, result,
        (recorded_at at time zone 'UTC')::date as recorded_day,
        case
            when (least(coalesce(queued_at, started_at, recorded_at), recorded_at) at time zone 'UTC')::date
                < (recorded_at at time zone 'UTC')::date - 2 then (recorded_at at time zone 'UTC')::date - 2
            else (least(coalesce(queued_at, started_at, recorded_at), recorded_at) at time zone 'UTC')::date
        end as day
    from schedules.schedule_events
    where recorded_at >= (:start::date - 2)::timestamp at time zone 'UTC'
      and recorded_at < (:end::date + 2)::timestamp at time zone 'UTC'
      and schedule_type <> 'other'
),
-- Each of these days of an execution, once.
beginnings as (
    select distinct execution_id, day
    from records
),
-- The first days of executions.
started as (
    select b.day, b.execution_id
    from beginnings as b
    where b.day >= :start::date and b.day < :end::date
      and not exists (
        select 1 from beginnings as e
        where e.execution_id = b.execution_id and e.day < b.day and e.day >= b.day - 2
      )
),
-- In how many tiers each of them succeeded until the second day after it.
passed as (
    select
        s.day, s.execution_id,
        count(distinct case when r.result = 'success' then r.schedule_type end) as tier_count,
        count(case when r.result = 'success' and r.schedule_type = 'redis' then 1 end) as redis_success_count
    from started as s
    join records as r on r.execution_id = s.execution_id and r.day >= s.day and r.recorded_day <= s.day + 2
    group by 1, 2
),
-- What the events say.
events as (
    select
        day, count(*) as execution_count,
        count(case when tier_count = 3 then 1 end) as completed_count,
        count(case when tier_count < 3 and redis_success_count > 0 then 1 end) as tier_missing_count
    from passed
    group by 1
)
select
    day, told.execution_count, told.fate_count, events.execution_count as executions_in_events,
    told.completed_count, events.completed_count as completed_in_events, events.tier_missing_count
from told
full join events using (day)
where coalesce(told.execution_count, 0) <> coalesce(events.execution_count, 0)
   or coalesce(told.completed_count, 0) <> coalesce(events.completed_count, 0)
   or told.fate_count + coalesce(events.tier_missing_count, 0) <> told.execution_count
