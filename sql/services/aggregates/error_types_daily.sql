/*
description: How the operations of each service failed per UTC day.
key: [day, service_id, operation, error_type]
columns:
  day: UTC calendar day of the events.
  service_id: Service that failed.
  operation: What was to be done.
  error_type: Kind of the error; empty when the event does not say it.
  error_count: Events that failed so.
  first_seen_at: When the first of the day occurred.
  last_seen_at: When the last of the day occurred.
checks:
  - expect_column_values_to_be_between: {column: error_count, min_value: 1}
*/
select
    (occurred_at at time zone 'UTC')::date as day,
    service_id,
    operation,
    coalesce(error_type, '') as error_type,
    count(*) as error_count,
    min(occurred_at) as first_seen_at,
    max(occurred_at) as last_seen_at
from services.performance_events
where occurred_at >= :start and occurred_at < :end and not success
group by 1, 2, 3, 4
