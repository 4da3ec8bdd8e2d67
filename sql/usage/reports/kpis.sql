/*
description: Schema usage in numbers, one row for the period and one for the one before; no row where nothing happened.
columns:
  period: current or previous.
  day_count: Days with events.
  operation_count: Operations.
  error_count: Operations that failed.
  error_ratio: Share of the operations that failed.
  p95_latency_ms: 95th percentile of the latency of the whole period in milliseconds, continuous.
  schemas_used: Distinct schemas with an operation.
  services_active: Distinct services with an operation.
  anomaly_count: Anomalies that were found.
*/
with
-- All events of the period.
days as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        count(*) as day_count,
        sum(operation_count)::bigint as operation_count,
        sum(error_count)::bigint as error_count
    from usage.schema_usage_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date) and scope = 'global'
    group by 1
),
-- How many operations took no longer than each latency, which gives percentiles of any number of days exactly.
latencies as (
    select
        period, latency_ms,
        sum(operation_count) over (partition by period order by latency_ms) as operations_until,
        sum(operation_count) over (partition by period) - 1 as last_position
    from (
        select
            case when day >= :start::date then 'current' else 'previous' end as period, latency_ms,
            sum(operation_count) as operation_count
        from usage.latency_distribution_daily
        where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
        group by 1, 2
    ) as counted
),
-- The two latencies next to the percentile.
neighbours as (
    select
        period, last_position,
        min(latency_ms) filter (where operations_until > floor(0.95 * last_position)) as p95_below,
        min(latency_ms) filter (where operations_until > ceil(0.95 * last_position)) as p95_above
    from latencies
    group by 1, 2
),
-- Schemas and services of several days count once.
users as (
    select
        period, count(distinct schema_id) as schemas_used, count(distinct service) as services_active
    from (
        select distinct
            case when day >= :start::date then 'current' else 'previous' end as period, schema_id, service
        from usage.service_usage_daily
        where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    ) as distinct_users
    group by 1
),
-- Anomalies of both kinds.
anomalies as (
    select case when day >= :start::date then 'current' else 'previous' end as period, count(*) as anomaly_count
    from usage.usage_anomalies_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    period,
    day_count,
    operation_count,
    error_count,
    error_count::double precision / operation_count as error_ratio,
    (p95_below + (0.95 * last_position - floor(0.95 * last_position)) * (p95_above - p95_below))
        ::double precision as p95_latency_ms,
    coalesce(schemas_used, 0)::bigint as schemas_used,
    coalesce(services_active, 0)::bigint as services_active,
    coalesce(anomaly_count, 0)::bigint as anomaly_count
from days
left join neighbours using (period)
left join users using (period)
left join anomalies using (period)
order by period
