/*
description: What happened in each service per UTC day.
key: [day, service_id, event_type]
columns:
  day: UTC calendar day of the events.
  service_id: Service it happened in.
  event_type: What happened.
  event_count: Service events of this type.
  unique_users: Distinct users it was done for; events that name none do not count.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: event_count, column_B: unique_users, or_equal: true}
*/
with
-- Each user first, since distinct users of many groups take long.
users as (
    select
        (occurred_at at time zone 'UTC')::date as day,
        service_id,
        event_type,
        user_id,
        count(*) as event_count
    from services.service_events
    where occurred_at >= :start and occurred_at < :end
    group by 1, 2, 3, 4
)
select
    day,
    service_id,
    event_type,
    sum(event_count)::bigint as event_count,
    count(user_id) as unique_users
from users
group by 1, 2, 3
