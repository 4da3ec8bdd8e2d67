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
    day, series_id, entity as service_id, metric, unit, forecast_day, steps, predicted_value, lower_80, upper_80,
    confidence_ratio, recommendation, reason
from services.forecasts
where day >= :start::date and day < :end::date and (:service_id = '' or entity = :service_id)
order by day desc, metric collate "C", entity collate "C", series_id collate "C", steps
limit :limit
