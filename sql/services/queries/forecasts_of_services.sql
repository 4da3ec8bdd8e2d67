/*
description: What is expected after each day, of services and of all of them together; the newest day first.
parameters:
  service_id: Service; empty for all.
columns:
  day: UTC calendar day, at whose end the forecast was made.
  series_id: Names the series.
  service_id: Service; empty for all services together.
  metric: What is measured.
  unit: count, ratio, score, percent, ms or bytes.
  forecast_day: The day that is forecast.
  steps: Days ahead.
  predicted_value: The forecast; NULL without one.
  lower_80: Lower end of the interval that holds 80 % of the actual values.
  upper_80: Its upper end.
  confidence_ratio: Share of earlier actual values within their 80 % interval; NULL where too few are known.
  recommendation: What to do if a limit of the metric will be crossed; NULL otherwise.
  reason: Why there is no forecast; NULL when there is one.
*/
select
    forecasts.day,
    forecasts.series_id,
    series.entity as service_id,
    forecasts.metric,
    forecasts.unit,
    forecasts.forecast_day,
    forecasts.steps,
    forecasts.predicted_value,
    forecasts.lower_80,
    forecasts.upper_80,
    forecasts.confidence_ratio,
    forecasts.recommendation,
    forecasts.reason
from services.forecasts as forecasts
join services.series as series on series.day = forecasts.day and series.series_id = forecasts.series_id
where forecasts.day >= :start::date and forecasts.day < :end::date
    and series.day >= :start::date and series.day < :end::date and series.grain = '1d'
    and (:service_id = '' or series.entity = :service_id)
order by
    forecasts.day desc, forecasts.metric collate "C", series.entity collate "C", forecasts.series_id collate "C",
    forecasts.steps
limit :limit
