/*
description: >-
  Whether each service was healthy on each UTC day, by its gauges cpu_percent, memory_percent, disk_percent, error_ratio and
  latency_ms. Their limits are settings. The mean of the day is judged, and that of each hour, so that a short incident shows.
key: [day, tenant_id, service_id]
columns:
  day: UTC calendar day.
  tenant_id: Tenant; empty for the platform itself.
  service_id: What the label service_id says; empty for gauges without it.
  status: >-
    critical when the mean of a gauge reaches its critical limit; degraded when it reaches the degraded one, or an hour's mean
    the critical one; else healthy.
  reason: Why it is not healthy, in a sentence for each gauge; NULL when it is.
  avg_cpu_percent: Mean of all samples of the day; NULL without any, as for the other gauges.
  avg_memory_percent: Mean use of the memory, in percent.
  avg_disk_percent: Mean use of the disk, in percent.
  avg_error_ratio: Mean share of requests that failed.
  avg_latency_ms: Mean latency in milliseconds.
  hour_count: Hours with samples of any of them.
  critical_hour_count: Hours in which the mean of one of them reached its critical limit.
checks:
  - expect_column_values_to_be_in_set: {column: status, value_set: [healthy, degraded, critical]}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: hour_count, column_B: critical_hour_count, or_equal: true}
*/
with
-- The gauges that are judged, in the unit that is named here or in none, and what a sentence says of them.
limits as (
    select 'cpu_percent' as name, 'percent' as unit, 'CPU' as label, 1 as factor, ' %' as suffix,
        :platform_degraded_cpu_percent as degraded_from, :platform_critical_cpu_percent as critical_from
    union all
    select 'memory_percent', 'percent', 'Memory', 1, ' %',
        :platform_degraded_memory_percent, :platform_critical_memory_percent
    union all
    select 'disk_percent', 'percent', 'Disk', 1, ' %', :platform_degraded_disk_percent, :platform_critical_disk_percent
    union all
    select 'error_ratio', 'ratio', 'Errors', 100, ' %', :platform_degraded_error_ratio, :platform_critical_error_ratio
    union all
    select 'latency_ms', 'ms', 'Latency', 1, ' ms', :platform_degraded_latency_ms, :platform_critical_latency_ms
),
-- Each of them in each hour, over all series of a service.
hours as (
    select
        metrics.day, metrics.tenant_id, coalesce(metrics.labels ->> 'service_id', '') as service_id, metrics.name,
        metrics.bucket,
        sum(cast(metrics.sum_value as decimal(38, 6))) as sum_value,
        sum(metrics.sample_count) as sample_count
    from platform.metric_1h as metrics
    join limits on limits.name = metrics.name and metrics.unit in ('', limits.unit)
    where metrics.day >= :start::date and metrics.day < :end::date and metrics.type = 'gauge'
    group by 1, 2, 3, 4, 5
),
-- The means of the hours against the critical limit.
judged_hours as (
    select
        day, tenant_id, service_id, hours.name, bucket, sum_value, sample_count,
        sum_value::double precision / sample_count as hour_value,
        sum_value::double precision / sample_count >= critical_from as is_critical
    from hours
    join limits on limits.name = hours.name
),
-- The mean of the day, the worst hour, and the first critical one.
days as (
    select
        day, tenant_id, service_id, name,
        sum(sum_value)::double precision / sum(sample_count)::double precision as day_value,
        max(hour_value) as worst_value,
        min(case when is_critical then bucket end) as first_critical_at
    from judged_hours
    group by 1, 2, 3, 4
),
-- Each gauge of the day: 2 = critical, 1 = degraded, 0 = neither.
judged as (
    select
        day, tenant_id, service_id, days.name, day_value,
        case
            when day_value >= critical_from then 2
            when day_value >= degraded_from or first_critical_at is not null then 1
            else 0
        end as level,
        concat(
            label, ': ', cast(factor * day_value as decimal(18, 1)), suffix, ' on average, ',
            cast(factor * worst_value as decimal(18, 1)), suffix, ' in the worst hour',
            case
                when first_critical_at is not null then concat(
                    ', critical from ',
                    lpad(extract(hour from first_critical_at at time zone 'UTC')::integer::text, 2, '0'), ':00 UTC'
                )
            end,
            '.'
        ) as sentence
    from days
    join limits on limits.name = days.name
),
-- Hours of each service.
counted as (
    select
        day, tenant_id, service_id,
        count(distinct bucket) as hour_count,
        count(distinct case when is_critical then bucket end) as critical_hour_count
    from judged_hours
    group by 1, 2, 3
),
-- All gauges of a service side by side.
services as (
    select
        day, tenant_id, service_id,
        max(level) as level,
        nullif(concat_ws(
            ' ',
            max(case when name = 'cpu_percent' and level > 0 then sentence end collate "C"),
            max(case when name = 'memory_percent' and level > 0 then sentence end collate "C"),
            max(case when name = 'disk_percent' and level > 0 then sentence end collate "C"),
            max(case when name = 'error_ratio' and level > 0 then sentence end collate "C"),
            max(case when name = 'latency_ms' and level > 0 then sentence end collate "C")
        ), '') as reason,
        max(case when name = 'cpu_percent' then day_value end) as avg_cpu_percent,
        max(case when name = 'memory_percent' then day_value end) as avg_memory_percent,
        max(case when name = 'disk_percent' then day_value end) as avg_disk_percent,
        max(case when name = 'error_ratio' then day_value end) as avg_error_ratio,
        max(case when name = 'latency_ms' then day_value end) as avg_latency_ms
    from judged
    group by 1, 2, 3
)
select
    day,
    tenant_id,
    service_id,
    case level when 2 then 'critical' when 1 then 'degraded' else 'healthy' end as status,
    reason,
    avg_cpu_percent,
    avg_memory_percent,
    avg_disk_percent,
    avg_error_ratio,
    avg_latency_ms,
    hour_count,
    critical_hour_count
from services
join counted using (day, tenant_id, service_id)
