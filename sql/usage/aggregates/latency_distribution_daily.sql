/*
description: >-
  How many operations took how many milliseconds, per UTC day, operation and region. Percentiles of any number of days are
  computed from it, exactly, also after the raw days are gone.
key: [day, operation, region, latency_ms]
columns:
  day: UTC calendar day of the operations.
  operation: Kind of operation.
  region: Region of the services that asked.
  latency_ms: Latency in whole milliseconds, as the events have it.
  operation_count: Operations that took so long.
  success_count: Those of them that succeeded.
checks:
  - expect_column_values_to_be_between: {column: operation_count, min_value: 1}
  - expect_column_values_to_be_between: {column: latency_ms, min_value: 0}
*/
select
    (occurred_at at time zone 'UTC')::date as day,
    operation,
    region,
    latency_ms,
    count(*) as operation_count,
    count(*) filter (where success) as success_count
from usage.schema_usage_events
where occurred_at >= :start and occurred_at < :end
group by 1, 2, 3, 4
