/*
description: The 30 metrics with the most samples in the period, over all tenants and labels.
columns:
  rank: Position, 1 for the most samples; ties in the order of their names, types and units.
  name: Metric.
  type: counter, gauge, histogram or summary.
  unit: Unit of its values; empty for plain numbers.
  sample_count: Samples in the period.
  previous_sample_count: Samples in the period before.
  series_count: Most series on a day of the period.
  tenant_count: Tenants with such samples on the day with the most of them.
  min_value: Lowest value of the period.
  max_value: Highest value of the period.
  reset_count: How often it fell, of cumulative counters; after a restart.
*/
with
-- Each metric by day.
days as (
    select
        day, name, type, unit,
        sum(sample_count) as sample_count,
        count(*) as series_count,
        count(distinct case when tenant_id <> '' then tenant_id end) as tenant_count,
        min(min_value) as min_value,
        max(max_value) as max_value,
        sum(reset_count) as reset_count
    from platform.metric_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2, 3, 4
),
-- Both periods.
metrics as (
    select
        name, type, unit,
        coalesce(sum(case when day >= :start::date then sample_count end), 0)::bigint as sample_count,
        coalesce(sum(case when day < :start::date then sample_count end), 0)::bigint as previous_sample_count,
        max(case when day >= :start::date then series_count end) as series_count,
        max(case when day >= :start::date then tenant_count end) as tenant_count,
        min(case when day >= :start::date then min_value end) as min_value,
        max(case when day >= :start::date then max_value end) as max_value,
        coalesce(sum(case when day >= :start::date then reset_count end), 0)::bigint as reset_count
    from days
    group by 1, 2, 3
),
-- The position among all with samples in the period.
ranked as (
    select
        row_number() over (
            order by sample_count desc, name collate "C", type collate "C", unit collate "C"
        ) as rank,
        name, type, unit, sample_count, previous_sample_count, series_count, tenant_count, min_value, max_value,
        reset_count
    from metrics
    where sample_count > 0
)
select
    rank,
    name,
    type,
    unit,
    sample_count,
    previous_sample_count,
    series_count,
    tenant_count,
    min_value,
    max_value,
    reset_count
from ranked
where rank <= 30
order by rank
