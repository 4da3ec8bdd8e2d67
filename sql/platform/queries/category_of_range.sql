/*
description: The metrics of a category in a range of days, those with the most samples first; units are apart.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  category: What the metrics are about, one of the five categories of samples.
columns:
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  type: counter, gauge, histogram or summary.
  unit: Unit of the values; empty for plain numbers.
  series_count: Most series on a day.
  sample_count: Samples of the days.
  min_value: Lowest value.
  max_value: Highest value.
  avg_value: Mean of the values.
  increase: How much counters grew; NULL for other types.
  last_at: When the newest value was measured.
*/
with
-- Each metric by day.
days as (
    select
        day, tenant_id, name, type, unit,
        count(*) as series_count,
        sum(sample_count) as sample_count,
        min(min_value) as min_value,
        max(max_value) as max_value,
        sum(cast(sum_value as decimal(38, 6))) as sum_value,
        sum(cast(increase as decimal(38, 6))) as increase,
        max(last_at) as last_at
    from platform.metric_1d
    where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
      and category = :category
    group by 1, 2, 3, 4, 5
)
select
    tenant_id,
    name,
    type,
    unit,
    max(series_count) as series_count,
    sum(sample_count)::bigint as sample_count,
    min(min_value) as min_value,
    max(max_value) as max_value,
    sum(sum_value)::double precision / sum(sample_count)::double precision as avg_value,
    sum(increase)::double precision as increase,
    max(last_at) as last_at
from days
group by 1, 2, 3, 4
order by
    sum(sample_count) desc, tenant_id collate "C", name collate "C", type collate "C", unit collate "C"
limit :limit
