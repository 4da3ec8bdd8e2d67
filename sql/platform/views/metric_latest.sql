/*
description: The newest sample of each series that had one in the 90 days up to the newest day.
key: [tenant_id, name, category, type, unit, labels]
columns:
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  category: What the metric is about.
  type: counter, gauge, histogram or summary.
  unit: Unit of the value; empty for plain numbers.
  labels: Labels of the series.
  value: The newest value by time, then by event_id.
  recorded_at: When it was measured.
  sample_count: Samples of the series on its newest day.
  last_day: The newest day with samples of any series.
*/
with
-- The newest day of all.
newest as (
    select max(day) as last_day from platform.metric_1d
),
-- The days of each series, the newest first.
days as (
    select
        tenant_id, name, category, type, unit, labels, last_value, last_at, sample_count, last_day,
        row_number() over (partition by tenant_id, name, category, type, unit, labels order by day desc) as place
    from platform.metric_1d
    join newest on day > last_day - 90
)
select
    tenant_id,
    name,
    category,
    type,
    unit,
    labels,
    last_value as value,
    last_at as recorded_at,
    sample_count,
    last_day
from days
where place = 1
