/*
description: The 20 users for whom each service did most per UTC day. Reports and answers show a pseudonym in place of the user.
key: [day, service_id, rank]
columns:
  day: UTC calendar day of the events.
  service_id: Service.
  rank: Position, 1 for the most events; ties in the order of the users.
  user_id: User. A user of two services has a position in each.
  event_count: Service events of the user in this service.
  event_share_ratio: Share of the service's events that name a user.
  last_seen_at: When the last of them happened.
checks:
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 20}
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_values_to_be_between: {column: event_share_ratio, min_value: 0, strict_min: true, max_value: 1}
*/
with
-- Each user of each service.
users as (
    select
        (occurred_at at time zone 'UTC')::date as day,
        service_id,
        user_id,
        count(*) as event_count,
        max(occurred_at) as last_seen_at
    from services.service_events
    where occurred_at >= :start and occurred_at < :end and user_id is not null
    group by 1, 2, 3
),
-- The position among all users of the service, and how many events these have.
ranked as (
    select
        day, service_id, user_id, event_count, last_seen_at,
        row_number() over (partition by day, service_id order by event_count desc, user_id collate "C") as rank,
        sum(event_count) over (partition by day, service_id) as service_event_count
    from users
)
select
    day,
    service_id,
    rank,
    user_id,
    event_count,
    event_count::double precision / service_event_count as event_share_ratio,
    last_seen_at
from ranked
where rank <= 20
