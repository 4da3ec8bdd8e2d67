/*
description: Operations from each region in the period, and in the period before; the most first.
columns:
  region: Region of the services that asked.
  operation_count: Operations in the period.
  operation_ratio: Share of all operations of the period.
  previous_operation_count: Operations in the period before.
  error_ratio: Share of the operations of the period that failed.
  avg_latency_ms: Mean latency in milliseconds; NULL when the region asked for nothing.
  highest_daily_p95_latency_ms: Highest 95th percentile of any day of the period, in milliseconds.
*/
with
-- Both periods of each region.
regions as (
    select
        region,
        coalesce(sum(operation_count) filter (where day >= :start::date), 0)::bigint as operation_count,
        coalesce(sum(error_count) filter (where day >= :start::date), 0)::bigint as error_count,
        sum(total_latency_ms) filter (where day >= :start::date) as total_latency_ms,
        coalesce(sum(operation_count) filter (where day < :start::date), 0)::bigint as previous_operation_count,
        max(p95_latency_ms) filter (where day >= :start::date) as highest_daily_p95_latency_ms
    from usage.region_usage_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    region,
    operation_count,
    operation_count::double precision / nullif(sum(operation_count) over (), 0) as operation_ratio,
    previous_operation_count,
    error_count::double precision / nullif(operation_count, 0) as error_ratio,
    total_latency_ms::double precision / nullif(operation_count, 0) as avg_latency_ms,
    highest_daily_p95_latency_ms
from regions
order by operation_count desc, region collate "C"
