/*
description: >-
  Hours of a schema, or of all schemas, with too many errors or with latencies far above those of the 7 days before. Only
  hours with enough operations are judged, and no later day is read.
key: [day, bucket, schema_id, metric]
columns:
  day: UTC calendar day of the hour.
  bucket: Start of the hour.
  schema_id: Schema; the nil UUID for all schemas together.
  metric: error_ratio or p95_latency_ms.
  current_value: The value of the hour.
  expected_value: >-
    The usual value. For the error ratio it is half of what is tolerated, for the latency the median of the hours with enough
    operations in the 7 days before the day.
  deviation: The current value divided by the expected one; with the default settings an anomaly begins at 2.
  severity: low below 3 times the expected value, medium below 5, high from there on, critical = high with more than 5 % errors.
  operation_count: Operations of the hour.
  error_count: Operations of the hour that failed.
  description: What happened, in one sentence.
checks:
  - expect_column_values_to_be_in_set: {column: metric, value_set: [error_ratio, p95_latency_ms]}
  - expect_column_values_to_be_in_set: {column: severity, value_set: [low, medium, high, critical]}
  - expect_column_values_to_be_between: {column: deviation, min_value: 1}
*/
with
-- The hours that are judged, and those before that they are compared with.
hours as (
    select
        day, bucket, schema_id, operation_count, error_count, p95_latency_ms,
        error_count::double precision / operation_count as error_ratio,
        lpad(extract(hour from bucket at time zone 'UTC')::integer::text, 2, '0') || ':00 to '
            || lpad((extract(hour from bucket at time zone 'UTC')::integer + 1)::text, 2, '0') || ':00 UTC' as hour_name
    from usage.schema_usage_1h
    where day >= :start::date - 7 and day < :end::date and scope in ('schema', 'global')
      and operation_count >= :usage_anomaly_min_operations
),
-- The usual latency of each schema, as of the beginning of a day; fewer than 10 hours say nothing.
usual as (
    select
        days.day, before.schema_id,
        (percentile_cont(0.50) within group (order by before.p95_latency_ms))::double precision as median_p95_ms
    from (
        select distinct day, schema_id from hours
        where day >= :start::date and p95_latency_ms > :usage_anomaly_p95_floor_ms
    ) as days
    join hours as before
        on before.schema_id = days.schema_id and before.day >= days.day - 7 and before.day < days.day
    group by 1, 2
    having count(*) >= 10
),
-- Both kinds of anomalies.
found as (
    select
        day, bucket, schema_id, 'error_ratio' as metric, error_ratio as current_value,
        (:usage_anomaly_error_ratio / 2)::double precision as expected_value,
        operation_count, error_count, error_ratio,
        concat(
            'Errors: ', error_count, ' of ', operation_count, ' operations failed from ', hour_name, ' (',
            cast(100 * error_ratio as decimal(18, 1)), ' %, at most ',
            cast(100 * :usage_anomaly_error_ratio as decimal(18, 1)), ' % are tolerated).'
        ) as description
    from hours
    where day >= :start::date and error_ratio > :usage_anomaly_error_ratio
    union all
    select
        day, bucket, schema_id, 'p95_latency_ms', p95_latency_ms, median_p95_ms, operation_count, error_count,
        error_ratio,
        concat(
            'Slow: the 95th percentile of the latency was ', cast(p95_latency_ms as decimal(18, 1)), ' ms from ',
            hour_name, ', ', cast(p95_latency_ms / median_p95_ms as decimal(18, 1)), ' times the ',
            cast(median_p95_ms as decimal(18, 1)), ' ms that are usual.'
        )
    from hours
    join usual using (day, schema_id)
    where p95_latency_ms > :usage_anomaly_p95_floor_ms and median_p95_ms > 0
      and p95_latency_ms > :usage_anomaly_p95_factor * median_p95_ms
),
-- To nine digits, since 0.15 / 0.05 is a little less than 3 as a double.
measured as (
    select
        day, bucket, schema_id, metric, current_value, expected_value, operation_count, error_count, error_ratio,
        description, round(1000000000 * current_value / expected_value) / 1000000000 as deviation
    from found
)
select
    day,
    bucket,
    schema_id,
    metric,
    current_value,
    expected_value,
    deviation,
    case
        when deviation < 3 then 'low'
        when deviation < 5 then 'medium'
        when error_ratio > 0.05 then 'critical'
        else 'high'
    end as severity,
    operation_count,
    error_count,
    description
from measured
