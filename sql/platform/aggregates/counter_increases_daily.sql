/*
description: >-
  How much each cumulative counter grew in each hour of a UTC day. The growth up to a sample is what its value is above the
  one before it, or the whole value after a reset, and belongs to the hour of the sample.
key: [day, bucket, tenant_id, name, category, unit, labels]
columns:
  day: UTC calendar day of the hour.
  bucket: Start of the hour, which holds [bucket, bucket + 1 hour).
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  category: What the metric is about.
  unit: Unit of the values; empty for plain numbers.
  labels: Labels that all samples of the series have, temporality=cumulative among them.
  increase: >-
    Growth up to the samples of the hour, each value to its millionth. What a series had grown by its first sample of two
    days is unknown and not counted.
  reset_count: Samples with a value below the one before, which the counter reaches after a restart only.
checks:
  - expect_column_values_to_be_between: {column: increase, min_value: 0}
  - expect_column_values_to_be_between: {column: reset_count, min_value: 0}
*/
with
-- Samples of the window and of the day before it, which the first growth counts from.
samples as (
    select
        recorded_at, name, category, labels, value, event_id,
        (recorded_at at time zone 'UTC')::date as day,
        coalesce(tenant_id, '') as tenant_id,
        coalesce(unit, '') as unit
    from platform.metric_samples
    where recorded_at >= (:start::date - 1)::timestamp at time zone 'UTC' and recorded_at < :end
      and type = 'counter' and labels ->> 'temporality' = 'cumulative'
),
-- Each with the sample before; of two at one time the lower value comes first, so that neither is taken for a reset.
levels as (
    select
        recorded_at, name, category, labels, value, day, tenant_id, unit,
        lag(value) over (
            partition by tenant_id, name, category, unit, labels order by recorded_at, value, event_id
        ) as previous_value,
        lag(day) over (
            partition by tenant_id, name, category, unit, labels order by recorded_at, value, event_id
        ) as previous_day
    from samples
),
-- What each sample of the window adds; one of the day before counts, an older one does not, whatever the window.
steps as (
    select
        day, name, category, labels, tenant_id, unit,
        to_timestamp(3600 * floor(date_part('epoch', date_trunc('second', recorded_at at time zone 'UTC')) / 3600))
            as bucket,
        previous_day >= day - 1 and value < previous_value as is_reset,
        case
            when previous_day >= day - 1 then
                cast(value as decimal(38, 6))
                - case when value < previous_value then 0 else cast(previous_value as decimal(38, 6)) end
        end as step
    from levels
    where recorded_at >= :start
)
select
    day,
    bucket,
    tenant_id,
    name,
    category,
    unit,
    labels,
    coalesce(sum(step), 0)::double precision as increase,
    count(case when is_reset then 1 end) as reset_count
from steps
group by 1, 2, 3, 4, 5, 6, 7
