/*
description: >-
  How good the forecasts of each UTC day were: beside what came, and beside the naive forecast, that all stays as it was.
key: [day, series_id, steps]
function: {name: rows_selected, version: 1}
columns:
  day: [date, UTC calendar day that was forecast.]
  series_id: [text, "Names the series, as in {family}.series."]
  steps: [bigint, Days ahead.]
  metric: [text, What is measured.]
  unit: [text, "count, ratio, score, percent, ms or bytes."]
  tenant_id: [text, Tenant; NULL for the platform itself.]
  value: [double precision, What came.]
  predicted_value: [double precision, What was forecast.]
  absolute_error: [double precision, The distance of the two.]
  naive_error: [double precision, The distance to the value of the day on which the forecast was made.]
  is_within_80: [boolean, Whether it lay within the 80 % interval.]
  is_within_95: [boolean, Whether it lay within the 95 % interval.]
checks:
  - expect_column_values_to_be_between: {column: absolute_error, min_value: 0}
*/
select
    actual.day,
    actual.series_id,
    forecasts.steps,
    actual.metric,
    actual.unit,
    actual.tenant_id,
    actual.value,
    forecasts.predicted_value,
    abs(actual.value - forecasts.predicted_value) as absolute_error,
    abs(actual.value - before.value) as naive_error,
    actual.value >= forecasts.lower_80 and actual.value <= forecasts.upper_80 as is_within_80,
    actual.value >= forecasts.lower_95 and actual.value <= forecasts.upper_95 as is_within_95
from {family}.series as actual
join {family}.forecasts as forecasts
    on forecasts.forecast_day = actual.day
    and forecasts.series_id = actual.series_id
    and forecasts.day >= :start::date - 7
    and forecasts.day < :end::date
join {family}.series as before
    on before.day = forecasts.day
    and before.series_id = forecasts.series_id
    and before.day >= :start::date - 7
    and before.day < :end::date
where actual.day >= :start::date and actual.day < :end::date and forecasts.predicted_value is not null
