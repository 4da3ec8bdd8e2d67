/*
description:
  1m: Operations per minute on one schema or on all of them together, the oldest first.
  5m: Operations per 5 minutes on one schema or on all of them together, the oldest first.
  1h: Operations per hour on one schema or on all of them together, the oldest first.
  1d: Operations per day on one schema or on all of them together, the oldest first.
parameters:
  first_day: UTC day of `since`.
  last_day: UTC day of `until`.
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  schema_id: Schema; the nil UUID for all of them together.
  scope: "global, schema or detail: which rows."
columns:
  bucket:
    1m: Start of the minute.
    5m: Start of the 5 minutes.
    1h: Start of the hour.
    1d: Start of the day.
  schema_id: Schema; the nil UUID for all of them together.
  operation: Operation; empty in rows of all operations.
  region: Region; empty in rows of all regions.
  operation_count: Operations.
  success_count: Operations that succeeded.
  error_count: Operations that failed.
  success_rate: Share of the operations that succeeded.
  avg_latency_ms: Mean latency in milliseconds.
  p50_latency_ms: Median latency in milliseconds, continuous, of the events of the row.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous, of the events of the row.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous, of the events of the row.
*/
select
    bucket, schema_id, operation, region, operation_count, success_count, error_count, success_rate,
    avg_latency_ms, p50_latency_ms, p95_latency_ms, p99_latency_ms
from usage.schema_usage_:grain
where day >= :first_day::date and day <= :last_day::date
  and bucket >= :since and bucket < :until and schema_id = :schema_id and scope = :scope
order by bucket, operation collate "C", region collate "C"
limit :limit
