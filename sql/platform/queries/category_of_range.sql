/*
description: The metrics of a category in a range of days, those with the most samples first; units are apart.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  category: What the metrics are about, one of the five categories of samples.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the most samples; ties in the order of tenant, name, type and unit.
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
),
-- All days of each.
metrics as (
    select
        tenant_id, name, type, unit,
        max(series_count) as series_count,
        sum(sample_count)::bigint as sample_count,
        min(min_value) as min_value,
        max(max_value) as max_value,
        sum(sum_value)::double precision / sum(sample_count)::double precision as avg_value,
        sum(increase)::double precision as increase,
        max(last_at) as last_at
    from days
    group by 1, 2, 3, 4
),
-- The position of each metric, before a page is cut out.
ranked as (
    select
        row_number() over (
            order by sample_count desc, tenant_id collate "C", name collate "C", type collate "C", unit collate "C"
        ) as rank,
        tenant_id, name, type, unit, series_count, sample_count, min_value, max_value, avg_value, increase, last_at
    from metrics
)
select rank, tenant_id, name, type, unit, series_count, sample_count, min_value, max_value, avg_value, increase, last_at
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
