/*
description: >-
  The 20 dimensions of business metrics with the most samples in the period, of each tenant and unit, beside the period
  before. Units are never added to each other, and neither are tenants.
columns:
  rank: Position, 1 for the most samples; ties in the order of tenant, metric, unit and dimension.
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  unit: Unit, of amounts their currency; empty for plain numbers.
  labels: The dimension, such as a plan or country; an empty object for metrics without one.
  total_value: Sum of the period, of counters what they grew by; NULL for gauges.
  previous_total_value: The same in the period before; NULL without any.
  growth_ratio: Relative change of the sum; NULL without one before.
  highest_value: Highest value of the period.
*/
with
-- Both periods of each dimension.
dimensions as (
    select
        tenant_id, name, type, unit, labels,
        sum(case when day >= :start::date then sample_count else 0 end) as sample_count,
        sum(case when day >= :start::date then cast(total_value as decimal(38, 6)) end)::double precision as total_value,
        sum(case when day < :start::date then cast(total_value as decimal(38, 6)) end)::double precision
            as previous_total_value,
        max(case when day >= :start::date then max_value end) as highest_value
    from platform.business_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2, 3, 4, 5
),
-- The position among all with samples in the period; labels, as PostgreSQL writes them, only part equals.
ranked as (
    select
        row_number() over (
            order by
                sample_count desc, tenant_id collate "C", name collate "C", unit collate "C", type collate "C",
                concat(labels, '') collate "C"
        ) as rank,
        tenant_id, name, unit, labels, total_value, previous_total_value, highest_value
    from dimensions
    where sample_count > 0
)
select
    rank,
    tenant_id,
    name,
    unit,
    labels,
    total_value,
    previous_total_value,
    total_value / nullif(previous_total_value, 0) - 1 as growth_ratio,
    highest_value
from ranked
where rank <= 20
order by rank
