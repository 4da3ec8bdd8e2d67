/*
description:
  1h: Each series of samples per hour UTC. A series is a tenant, name, category, type, unit and set of labels.
  1d: Each series of samples per day UTC. A series is a tenant, name, category, type, unit and set of labels.
key: [day, bucket, tenant_id, name, category, type, unit, labels]
columns:
  day: UTC calendar day of the bucket.
  bucket:
    1h: Start of the hour, which holds [bucket, bucket + 1 hour).
    1d: Start of the day, which holds [bucket, bucket + 1 day).
  tenant_id: Tenant; empty for the platform itself, which is nobody's tenant.
  name: Metric.
  category: What the metric is about.
  type: counter, gauge, histogram or summary.
  unit: Unit of the values; empty for plain numbers. Values in two units are two series.
  labels: Labels that all samples of the series have.
  sample_count: Samples in the bucket.
  sum_value: >-
    Sum of the values, each to its millionth so that the sum does not depend on the order. Of gauges and cumulative
    counters only means can be made of it.
  min_value: Lowest value.
  max_value: Highest value.
  avg_value: Mean of the values, each to its millionth.
  last_value: The newest value; of several at one time that with the largest event_id.
  last_at: When the newest value was measured.
  p50_value: Median of the values, continuous.
  p95_value: 95th percentile of the values, continuous.
  p99_value: 99th percentile of the values, continuous.
  increase: >-
    How much a counter grew: the sum of the values; of one with the label temporality=cumulative as
    counter_increases_daily has it. NULL for other types.
  increase_per_second: The same per second, over the whole length of the bucket; NULL for other types.
  reset_count: How often a cumulative counter fell, which it does after a restart only; 0 for all else.
checks:
  - expect_column_values_to_be_between: {column: sample_count, min_value: 1}
  - expect_column_values_to_be_between: {column: increase, min_value: 0}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_value, column_B: min_value, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_value, column_B: p50_value, or_equal: true}
*/
with
-- Each sample with its bucket, from the whole seconds since 1970 in UTC, since fractions may be rounded up.
samples as (
    select
        recorded_at, name, category, type, labels, value,
        to_timestamp(
            :bucket * floor(date_part('epoch', date_trunc('second', recorded_at at time zone 'UTC')) / :bucket)
        ) as bucket,
        coalesce(tenant_id, '') as tenant_id,
        coalesce(unit, '') as unit
    from platform.metric_samples
    where recorded_at >= :start and recorded_at < :end
),
-- Each series in each bucket.
measured as (
    select
        bucket, tenant_id, name, category, type, unit, labels,
        count(*) as sample_count,
        sum(cast(value as decimal(38, 6)))::double precision as sum_value,
        min(value) as min_value,
        max(value) as max_value,
        max(recorded_at) as last_at,
        (percentile_cont(0.50) within group (order by value))::double precision as p50_value,
        (percentile_cont(0.95) within group (order by value))::double precision as p95_value,
        (percentile_cont(0.99) within group (order by value))::double precision as p99_value
    from samples
    group by 1, 2, 3, 4, 5, 6, 7
),
-- Those samples of the newest time of each, of which the largest event_id has place 1: to rank all would sort the day.
newest as (
    select
        bucket, measured.tenant_id, measured.name, measured.category, measured.type, measured.unit, measured.labels,
        sample_count, sum_value, min_value, max_value, samples.value as last_value, last_at,
        p50_value, p95_value, p99_value,
        row_number() over (
            partition by
                bucket, measured.tenant_id, measured.name, measured.category, measured.type, measured.unit,
                measured.labels
            order by samples.event_id desc
        ) as place
    from platform.metric_samples as samples
    join measured
        on measured.last_at = samples.recorded_at and measured.tenant_id = coalesce(samples.tenant_id, '')
            and measured.name = samples.name and measured.category = samples.category
            and measured.type = samples.type and measured.unit = coalesce(samples.unit, '')
            and measured.labels = samples.labels
    where samples.recorded_at >= :start and samples.recorded_at < :end
),
-- What cumulative counters grew by in the same buckets.
grown as (
    select
        to_timestamp(:bucket * floor(date_part('epoch', bucket at time zone 'UTC') / :bucket)) as bucket,
        tenant_id, name, category, unit, labels,
        sum(cast(increase as decimal(38, 6)))::double precision as increase,
        sum(reset_count)::bigint as reset_count
    from platform.counter_increases_daily
    where day >= :start::date and bucket >= :start and bucket < :end
    group by 1, 2, 3, 4, 5, 6
)
select
    (newest.bucket at time zone 'UTC')::date as day,
    newest.bucket,
    newest.tenant_id,
    newest.name,
    newest.category,
    newest.type,
    newest.unit,
    newest.labels,
    sample_count,
    sum_value,
    min_value,
    max_value,
    sum_value / sample_count as avg_value,
    last_value,
    last_at,
    p50_value,
    p95_value,
    p99_value,
    case when newest.type = 'counter' then coalesce(increase, sum_value) end as increase,
    case when newest.type = 'counter' then coalesce(increase, sum_value) / :bucket end as increase_per_second,
    coalesce(reset_count, 0)::bigint as reset_count
from newest
left join grown
    on newest.type = 'counter' and grown.bucket = newest.bucket and grown.tenant_id = newest.tenant_id
        and grown.name = newest.name and grown.category = newest.category and grown.unit = newest.unit
        and grown.labels = newest.labels
where place = 1
