/*
description: The newest anomalies of services and of all of them together, the newest first.
parameters:
  service_id: Service; empty for all.
columns:
  bucket: Start of the bucket in which it begins.
  grain: Length of the bucket, 1h or 1d.
  series_id: Names the series.
  service_id: Service; empty for all services together.
  metric: What is measured.
  current_value: What is most unusual of the bucket, such as its value.
  expected_value: What was expected of it.
  deviation: Signed distance from that in robust standard deviations; NULL off a constant line.
  severity: low, medium, high or critical.
  sentence: What happened.
*/
select
    bucket, grain, series_id, entity as service_id, metric, current_value, expected_value, deviation, severity, sentence
from services.anomalies
where day >= :start::date and day < :end::date and is_anomaly and (:service_id = '' or entity = :service_id)
order by bucket desc, metric collate "C", entity collate "C", grain collate "C", series_id collate "C"
limit :limit
