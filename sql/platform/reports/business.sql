/*
description: >-
  The 40 business metrics with the most samples in the period, of each tenant and unit, beside the period before. Units are
  never added to each other, and neither are tenants.
columns:
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  unit: Unit, of amounts their currency; empty for plain numbers.
  series_count: Its series in the period, one for each combination of dimensions.
  total_value: Sum of the period, of counters what they grew by; NULL for gauges.
  previous_total_value: The same in the period before; NULL without any.
  growth_ratio: Relative change of the sum; NULL without one before.
  avg_value: Mean of the samples of a gauge in the period; NULL for all else.
  previous_avg_value: The same in the period before.
*/
with
-- Both periods of each metric, by day and dimension.
days as (
    select
        tenant_id, name, type, unit, labels, sample_count, total_value, avg_value,
        case when day >= :start::date then 'current' else 'previous' end as period
    from platform.business_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- All days and dimensions of a metric.
metrics as (
    select
        tenant_id, name, type, unit,
        count(distinct case when period = 'current' then labels end) as series_count,
        sum(case when period = 'current' then sample_count else 0 end) as sample_count,
        sum(case when period = 'current' then cast(total_value as decimal(38, 6)) end)::double precision as total_value,
        sum(case when period = 'previous' then cast(total_value as decimal(38, 6)) end)::double precision
            as previous_total_value,
        sum(case when period = 'current' and type = 'gauge' then cast(avg_value * sample_count as decimal(38, 6)) end)
            ::double precision
            / nullif(sum(case when period = 'current' then sample_count else 0 end), 0)::double precision as avg_value,
        sum(case when period = 'previous' and type = 'gauge' then cast(avg_value * sample_count as decimal(38, 6)) end)
            ::double precision
            / nullif(sum(case when period = 'previous' then sample_count else 0 end), 0)::double precision
            as previous_avg_value
    from days
    group by 1, 2, 3, 4
),
-- The position among all with samples in the period.
ranked as (
    select
        tenant_id, name, type, unit, series_count, total_value, previous_total_value, avg_value, previous_avg_value,
        row_number() over (
            order by sample_count desc, tenant_id collate "C", name collate "C", unit collate "C", type collate "C"
        ) as rank
    from metrics
    where sample_count > 0
)
select
    tenant_id,
    name,
    unit,
    series_count,
    total_value,
    previous_total_value,
    total_value / nullif(previous_total_value, 0) - 1 as growth_ratio,
    avg_value,
    previous_avg_value
from ranked
where rank <= 40
order by tenant_id collate "C", name collate "C", unit collate "C", type collate "C"
