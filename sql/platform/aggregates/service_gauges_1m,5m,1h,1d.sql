/*
description:
  1m: The gauges of each service, such as its use of the processors, per minute UTC, over all series that name it in the label service_id.
  5m: The gauges of each service, such as its use of the processors, per 5 minutes UTC, over all series that name it in the label service_id.
  1h: The gauges of each service, such as its use of the processors, per hour UTC, over all series that name it in the label service_id.
  1d: The gauges of each service, such as its use of the processors, per day UTC, over all series that name it in the label service_id.
kept: {1m: lake, 5m: lake}
key: [day, bucket, tenant_id, service_id, name, unit]
columns:
  day: UTC calendar day of the bucket.
  bucket:
    1m: Start of the minute, which holds [bucket, bucket + 1 minute).
    5m: Start of the 5 minutes, which holds [bucket, bucket + 5 minutes).
    1h: Start of the hour, which holds [bucket, bucket + 1 hour).
    1d: Start of the day, which holds [bucket, bucket + 1 day).
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service.
  name: Gauge, such as cpu_percent; service_metrics.sql names the seven of a wide record.
  unit: Unit of the values; empty for plain numbers. Values in two units are never put together.
  sample_count: Samples in the bucket.
  avg_value: Mean of the values, each to its millionth.
  min_value: Lowest value.
  max_value: Highest value.
  last_value: The newest value; of several at one time that with the largest event_id.
checks:
  - expect_column_values_to_be_between: {column: sample_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_value, column_B: min_value, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_value, column_B: last_value, or_equal: true}
*/
with
-- Each sample with its bucket, from the whole seconds since 1970 in UTC, since fractions may be rounded up.
samples as (
    select
        to_timestamp(
            :bucket * floor(date_part('epoch', date_trunc('second', recorded_at at time zone 'UTC')) / :bucket)
        ) as bucket,
        coalesce(tenant_id, '') as tenant_id,
        labels ->> 'service_id' as service_id,
        name,
        coalesce(unit, '') as unit,
        value, recorded_at, event_id
    from platform.metric_samples
    where recorded_at >= :start and recorded_at < :end and type = 'gauge' and labels ->> 'service_id' is not null
),
-- The newest sample of each gauge of a service in a bucket has place 1.
placed as (
    select
        bucket, tenant_id, service_id, name, unit, value,
        row_number() over (
            partition by bucket, tenant_id, service_id, name, unit order by recorded_at desc, event_id desc
        ) as place
    from samples
)
select
    (bucket at time zone 'UTC')::date as day,
    bucket,
    tenant_id,
    service_id,
    name,
    unit,
    count(*) as sample_count,
    sum(cast(value as decimal(38, 6)))::double precision / count(*) as avg_value,
    min(value) as min_value,
    max(value) as max_value,
    max(case when place = 1 then value end) as last_value
from placed
group by 1, 2, 3, 4, 5, 6
