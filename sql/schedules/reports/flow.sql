/*
description: What became of the executions that started in the period; every one has one fate.
columns:
  fate: completed, stopped in a tier, lost before one, or tier missing = succeeded in redis without a success in each tier before.
  execution_count: Executions with it.
  execution_share_ratio: Share of all executions of the period.
  previous_execution_count: Executions with it in the period before.
  highest_daily_p95_end_to_end_ms: For the completed ones, the highest daily 95th percentile of the time from end to end, in milliseconds; of one day, its 95th percentile.
*/
with
-- Both periods, one row for each fate and day.
fates as (
    select day, 1 as position, 'completed' as fate, completed_count as fate_count, p95_end_to_end_ms
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select day, 2, 'stopped in mongo', stopped_in_mongo_count, null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select day, 3, 'lost before clickhouse', lost_before_clickhouse_count, null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select day, 4, 'stopped in clickhouse', stopped_in_clickhouse_count, null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select day, 5, 'lost before redis', lost_before_redis_count, null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select day, 6, 'stopped in redis', stopped_in_redis_count, null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    union all
    select
        day, 7, 'tier missing',
        execution_count - completed_count - stopped_in_mongo_count - lost_before_clickhouse_count
            - stopped_in_clickhouse_count - lost_before_redis_count - stopped_in_redis_count,
        null
    from schedules.schedule_flow_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- The two periods side by side.
compared as (
    select
        position,
        fate,
        coalesce(sum(fate_count) filter (where day >= :start::date), 0)::bigint as execution_count,
        coalesce(sum(fate_count) filter (where day < :start::date), 0)::bigint as previous_execution_count,
        max(p95_end_to_end_ms) filter (where day >= :start::date) as highest_daily_p95_end_to_end_ms
    from fates
    group by 1, 2
),
-- Everything that started.
total as (
    select sum(execution_count)::double precision as execution_count from compared
)
select
    compared.fate,
    compared.execution_count,
    compared.execution_count / nullif(total.execution_count, 0) as execution_share_ratio,
    compared.previous_execution_count,
    compared.highest_daily_p95_end_to_end_ms
from compared
cross join total
where total.execution_count > 0
order by compared.position
