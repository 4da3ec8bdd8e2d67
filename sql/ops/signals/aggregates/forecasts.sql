/*
description: >-
  What is expected of the next day and of the day a week later, as of the end of each UTC day (docs/forecasts.md), of
  the series that say so: of wholes, and of the 500 entities that change most. It reads the 400 days up to the day.
key: [day, series_id, steps]
function: {name: forecasts, version: 3, reads: [series]}
columns:
  day: [date, "UTC calendar day, at whose end the forecast was made."]
  series_id: [text, "Names the series, as in {family}.series."]
  steps: [bigint, Days ahead.]
  forecast_day: [date, The day that is forecast.]
  metric: [text, What is measured.]
  unit: [text, "count, ratio, score, percent, ms or bytes."]
  tenant_id: [text, Tenant; NULL for the platform itself.]
  entity: [text, "What it is measured of; empty for the whole."]
  predicted_value: [double precision, The forecast; NULL without one.]
  lower_80: [double precision, Lower end of the interval that holds 80 % of the actual values.]
  upper_80: [double precision, Its upper end.]
  lower_95: [double precision, Lower end of the interval that holds 95 %.]
  upper_95: [double precision, Its upper end.]
  confidence_ratio: [double precision, Share of earlier actual values within their 80 % interval; NULL where too few are known.]
  method: [text, The methods that weigh most.]
  recommendation: [text, "What to do if a limit of the metric will be crossed; NULL otherwise."]
  reason: [text, Why there is no forecast; NULL when there is one.]
checks:
  - expect_column_values_to_be_between: {column: confidence_ratio, min_value: 0, max_value: 1}
*/
select
    '{family}'::text as family,
    :start::date as since,
    day, series_id, bucket, metric, grain, unit, is_absent_zero, tenant_id, entity, series_labels, value, weight
from {family}.series
where day >= :start::date - 399 and day < :end::date and grain = '1d' and is_forecast
order by series_id, bucket
