/*
description: No event id occurs on the day before, too.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
select b.day, b.event_id
from {batch} as b
where exists (
    select 1 from {events} as e
    where e.event_id = b.event_id
      and e.{time_column} >= (b.day - 1)::timestamp at time zone 'UTC'
      and e.{time_column} < b.day::timestamp at time zone 'UTC'
      and e.{time_column} >= (:start::date - 1)::timestamp at time zone 'UTC'
      and e.{time_column} < (:end::date - 1)::timestamp at time zone 'UTC'
)
