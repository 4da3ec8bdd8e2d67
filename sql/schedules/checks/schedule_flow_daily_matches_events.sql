/*
description: The executions of each day are those whose records say so and that did not begin in the 2 days before; each has one fate.
*/
with
-- What the table says.
told as (
    select
        day, execution_count,
        completed_count + lost_before_clickhouse_count + lost_before_redis_count
            + stopped_in_mongo_count + stopped_in_clickhouse_count + stopped_in_redis_count as fate_count
    from schedules.schedule_flow_daily
    where day >= :start::date and day < :end::date
),
-- The days on which records say that their execution began, at most 2 before the record.
beginnings as (
    select distinct
        execution_id,
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
-- What the events say.
events as (
    select b.day, count(*) as execution_count
    from beginnings as b
    where b.day >= :start::date and b.day < :end::date
      and not exists (
        select 1 from beginnings as e
        where e.execution_id = b.execution_id and e.day < b.day and e.day >= b.day - 2
      )
    group by 1
)
select
    day, told.execution_count, told.fate_count, events.execution_count as executions_in_events
from told
full join events using (day)
where coalesce(told.execution_count, 0) <> coalesce(events.execution_count, 0)
   or told.fate_count <> told.execution_count
