/*
description: >-
  What is expected after the newest day of the period with a forecast: of the series with a recommendation first, then of
  wholes, then of others.
columns:
  metric: What is measured.
  entity: What it is measured of; empty for the whole.
  unit: count, ratio, score, percent, ms or bytes.
  day: Day at whose end the forecast was made.
  value: What it was on this day.
  forecast_day: The day that is forecast.
  steps: Days ahead.
  predicted_value: The forecast; NULL without one.
  lower_80: Lower end of the interval that holds 80 % of the actual values.
  upper_80: Its upper end.
  confidence_ratio: Share of earlier actual values within their 80 % interval.
  recommendation: What to do if a limit will be crossed; NULL otherwise.
  reason: Why there is no forecast.
*/
with
-- The newest day of the period with a forecast.
newest as (
    select max(day) as day from {family}.forecasts where day >= :start::date and day < :end::date
)
select
    forecasts.metric, forecasts.entity, forecasts.unit, forecasts.day, series.value, forecasts.forecast_day,
    forecasts.steps,
    forecasts.predicted_value, forecasts.lower_80, forecasts.upper_80, forecasts.confidence_ratio,
    forecasts.recommendation, forecasts.reason
from {family}.forecasts as forecasts
join newest on newest.day = forecasts.day
join {family}.series as series
    on series.day = forecasts.day
    and series.series_id = forecasts.series_id
    and series.day >= :start::date
    and series.day < :end::date
where forecasts.day >= :start::date and forecasts.day < :end::date
order by
    forecasts.recommendation is null,
    forecasts.entity <> '',
    forecasts.metric collate "C",
    forecasts.tenant_id collate "C" nulls first,
    forecasts.entity collate "C",
    forecasts.series_id collate "C",
    forecasts.steps
limit 50
