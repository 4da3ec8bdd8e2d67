/*
description: Hours with too many errors or far slower than usual, the newest first.
parameters:
  first_day: UTC day of `since`.
  last_day: UTC day of `until`.
  since: Start of the range, a moment that is included.
  until: End of the range, a moment that is not included.
  schema_id: Schema; empty for all.
  severity: Severity; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_bucket: "`bucket` of the last row of the page before."
  after_schema_id: "`schema_id` of the last row of the page before."
  after_metric: "`metric` of the last row of the page before."
columns:
  bucket: Start of the hour.
  schema_id: Schema; the nil UUID for all schemas together.
  metric: error_ratio or p95_latency_ms.
  severity: low below 3 times the expected value, medium below 5, high from there on, critical = high with more than 5 % errors.
  current_value: The value of the hour.
  expected_value: The usual value. For the error ratio it is half of what is tolerated, for the latency the median of the hours with enough operations in the 7 days before the day.
  deviation: The current value divided by the expected one; with the default settings an anomaly begins at 2.
  operation_count: Operations of the hour.
  error_count: Operations of the hour that failed.
  description: What happened, in one sentence.
*/
select
    bucket, schema_id, metric, severity, current_value, expected_value, deviation, operation_count, error_count,
    description
from usage.usage_anomalies_daily
where day >= :first_day::date and day <= :last_day::date and bucket >= :since and bucket < :until
  and (:schema_id = '' or schema_id::text = :schema_id) and (:severity = '' or severity = :severity)
  and (:is_first_page or (bucket, schema_id, metric collate "C")
      < (:after_bucket::timestamptz, :after_schema_id::uuid, :after_metric))
order by bucket desc, schema_id desc, metric collate "C" desc
limit :limit
