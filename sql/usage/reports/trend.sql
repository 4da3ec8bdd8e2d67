/*
description: Each day with events of the window, oldest first; a day without a row is a gap, not a zero.
columns:
  day: UTC calendar day.
  operation_count: Operations.
  error_count: Operations that failed.
  error_ratio: Share of the operations that failed.
  p95_latency_ms: 95th percentile of the day's latency in milliseconds, continuous.
  schemas_used: Distinct schemas with an operation.
  services_active: Distinct services with an operation.
  anomaly_count: Anomalies that were found.
*/
with
-- Schemas and services of each day.
users as (
    select day, count(distinct schema_id) as schemas_used, count(distinct service) as services_active
    from usage.service_usage_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Anomalies of each day.
anomalies as (
    select day, count(*) as anomaly_count
    from usage.usage_anomalies_daily
    where day >= :start::date and day < :end::date
    group by 1
)
select
    day,
    operation_count,
    error_count,
    error_count::double precision / operation_count as error_ratio,
    p95_latency_ms,
    coalesce(schemas_used, 0)::bigint as schemas_used,
    coalesce(services_active, 0)::bigint as services_active,
    coalesce(anomaly_count, 0)::bigint as anomaly_count
from usage.schema_usage_1d
left join users using (day)
left join anomalies using (day)
where day >= :start::date and day < :end::date and scope = 'global'
order by day
