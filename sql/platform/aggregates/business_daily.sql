/*
description: Business metrics of each tenant per UTC day. Amounts in two units, such as two currencies, are never added.
key: [day, tenant_id, name, type, unit, labels]
columns:
  day: UTC calendar day of the samples.
  tenant_id: Tenant; empty for the platform itself.
  name: Metric, such as revenue, user_count, content_views or conversion_ratio.
  type: counter, gauge, histogram or summary.
  unit: Unit of the values, of amounts their currency; empty for plain numbers.
  labels: Dimensions of the metric, such as its plan or country.
  sample_count: Samples of the day.
  total_value: Sum of the day, of counters what they grew by; NULL for gauges, whose values are levels.
  avg_value: Mean value of the day.
  min_value: Lowest value of the day.
  max_value: Highest value of the day.
  last_value: The newest value of the day.
  last_at: When it was measured.
checks:
  - expect_column_values_to_be_between: {column: sample_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_value, column_B: min_value, or_equal: true}
*/
select
    day,
    tenant_id,
    name,
    type,
    unit,
    labels,
    sample_count,
    case type when 'counter' then increase when 'gauge' then null else sum_value end as total_value,
    avg_value,
    min_value,
    max_value,
    last_value,
    last_at
from platform.metric_1d
where day >= :start::date and day < :end::date and category = 'business'
