/*
description: The attempts of each tier and day, and the failed ones, are those of its events; all is the sum of the three tiers.
*/
with
-- What the table says.
told as (
    select day, tier, attempt_count, failed_count
    from schedules.system_health_daily
    where day >= :start::date and day < :end::date
),
-- What the events say of each tier.
tiers as (
    select
        (recorded_at at time zone 'UTC')::date as day, schedule_type as tier,
        count(*) as attempt_count,
        sum(case when result in ('failure', 'timeout') then 1 else 0 end) as failed_count
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2
),
-- The same with all three together.
events as (
    select day, tier, attempt_count, failed_count from tiers
    union all
    select day, 'all', sum(attempt_count), sum(failed_count)
    from tiers
    where tier in ('mongo', 'clickhouse', 'redis')
    group by 1
)
select
    day, tier,
    told.attempt_count, events.attempt_count as attempts_in_events,
    told.failed_count, events.failed_count as failed_in_events
from told
full join events using (day, tier)
where coalesce(told.attempt_count, 0) <> coalesce(events.attempt_count, 0)
   or coalesce(told.failed_count, 0) <> coalesce(events.failed_count, 0)
