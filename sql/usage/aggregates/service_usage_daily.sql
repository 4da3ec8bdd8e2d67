/*
description: Operations of each service on each schema per UTC day.
key: [day, service, schema_id]
columns:
  day: UTC calendar day of the operations.
  service: Service that asked.
  schema_id: Schema it asked for.
  operation_count: Operations.
  success_count: Operations that succeeded.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  total_latency_ms: Sum of the latencies, in milliseconds.
  avg_latency_ms: Mean latency in milliseconds.
  max_latency_ms: Longest latency in milliseconds.
checks:
  - expect_column_values_to_be_between: {column: operation_count, min_value: 1}
  - expect_column_values_to_be_between: {column: success_rate, min_value: 0, max_value: 1}
*/
select
    (occurred_at at time zone 'UTC')::date as day,
    service,
    schema_id,
    count(*) as operation_count,
    count(*) filter (where success) as success_count,
    count(*) filter (where not success) as error_count,
    count(*) filter (where success)::double precision / count(*) as success_rate,
    sum(latency_ms)::bigint as total_latency_ms,
    sum(latency_ms)::double precision / count(*) as avg_latency_ms,
    max(latency_ms) as max_latency_ms
from usage.schema_usage_events
where occurred_at >= :start and occurred_at < :end
group by 1, 2, 3
