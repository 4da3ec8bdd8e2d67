/*
description: Publications and failures of each topic and day are those of its events.
*/
with
-- What the table says.
told as (
    select
        day, kafka_topic,
        sum(published_count) as published_count,
        sum(failed_count) as failed_count
    from schedules.kafka_publish_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- What the events say.
events as (
    select
        (recorded_at at time zone 'UTC')::date as day, kafka_topic,
        sum(case when published_at is null then 0 else 1 end) as published_count,
        sum(case when published_at is null and result not in ('skipped', 'cancelled') then 1 else 0 end) as failed_count
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and kafka_topic <> ''
    group by 1, 2
)
select
    day, kafka_topic,
    told.published_count, events.published_count as published_in_events,
    told.failed_count, events.failed_count as failed_in_events
from told
full join events using (day, kafka_topic)
where coalesce(told.published_count, 0) <> coalesce(events.published_count, 0)
   or coalesce(told.failed_count, 0) <> coalesce(events.failed_count, 0)
