/*
description: The day has no more events than ANALYTICS_MOST_EVENTS_A_DAY; events beyond it are loaded all the same.
checks:
  - unexpected_rows_expectation: {severity: warning}
*/
select period_start as day, rows as row_count, :most_events::bigint as most_events
from ops.partitions
where table_name = :table and period_start >= :start::date and period_start < :end::date
  and rows > :most_events::bigint
