/*
description:
  1m: The seven gauges of each service per minute UTC, over all its series that name it in the label service_id.
  5m: The seven gauges of each service per 5 minutes UTC, over all its series that name it in the label service_id.
  1h: The seven gauges of each service per hour UTC, over all its series that name it in the label service_id.
  1d: The seven gauges of each service per day UTC, over all its series that name it in the label service_id.
kept: {1m: lake, 5m: lake}
key: [day, bucket, tenant_id, service_id]
columns:
  day: UTC calendar day of the bucket.
  bucket:
    1m: Start of the minute, which holds [bucket, bucket + 1 minute).
    5m: Start of the 5 minutes, which holds [bucket, bucket + 5 minutes).
    1h: Start of the hour, which holds [bucket, bucket + 1 hour).
    1d: Start of the day, which holds [bucket, bucket + 1 day).
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service.
  sample_count: Samples of the seven gauges in the bucket, in their unit or without one; those in another unit are left out.
  avg_cpu_percent: Mean use of the processors in percent; NULL without a sample in the bucket, as for all that follow.
  min_cpu_percent: Lowest use of the processors in percent.
  max_cpu_percent: Highest use of the processors in percent.
  last_cpu_percent: Newest use of the processors in percent.
  avg_memory_percent: Mean use of the memory in percent.
  min_memory_percent: Lowest use of the memory in percent.
  max_memory_percent: Highest use of the memory in percent.
  last_memory_percent: Newest use of the memory in percent.
  avg_disk_percent: Mean use of the disk in percent.
  min_disk_percent: Lowest use of the disk in percent.
  max_disk_percent: Highest use of the disk in percent.
  last_disk_percent: Newest use of the disk in percent.
  avg_request_rate: Mean requests per second.
  min_request_rate: Lowest requests per second.
  max_request_rate: Highest requests per second.
  last_request_rate: Newest requests per second.
  avg_error_ratio: Mean share of requests that failed.
  min_error_ratio: Lowest share of requests that failed.
  max_error_ratio: Highest share of requests that failed.
  last_error_ratio: Newest share of requests that failed.
  avg_sampled_latency_ms: Mean latency in milliseconds.
  min_sampled_latency_ms: Lowest latency in milliseconds.
  max_sampled_latency_ms: Highest latency in milliseconds.
  last_sampled_latency_ms: Newest latency in milliseconds.
  avg_cache_hit_ratio: Mean share of requests that a cache answered.
  min_cache_hit_ratio: Lowest share of requests that a cache answered.
  max_cache_hit_ratio: Highest share of requests that a cache answered.
  last_cache_hit_ratio: Newest share of requests that a cache answered.
checks:
  - expect_column_values_to_be_between: {column: sample_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_cpu_percent, column_B: min_cpu_percent, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: max_sampled_latency_ms, column_B: min_sampled_latency_ms, or_equal: true}
*/
with
-- The gauges with their units.
gauges as (
    select 'cpu_percent' as name, 'percent' as unit
    union all
    select 'memory_percent', 'percent'
    union all
    select 'disk_percent', 'percent'
    union all
    select 'request_rate', '1/s'
    union all
    select 'error_ratio', 'ratio'
    union all
    select 'latency_ms', 'ms'
    union all
    select 'cache_hit_ratio', 'ratio'
),
-- Each sample with its bucket, from the whole seconds since 1970 in UTC, since fractions may be rounded up.
samples as (
    select
        to_timestamp(
            :bucket * floor(date_part('epoch', date_trunc('second', recorded_at at time zone 'UTC')) / :bucket)
        ) as bucket,
        coalesce(tenant_id, '') as tenant_id,
        labels ->> 'service_id' as service_id,
        samples.name, value, recorded_at, event_id
    from platform.metric_samples as samples
    join gauges on gauges.name = samples.name and coalesce(samples.unit, gauges.unit) = gauges.unit
    where recorded_at >= :start and recorded_at < :end and type = 'gauge' and labels ->> 'service_id' is not null
),
-- The newest sample of each gauge of a service in a bucket has place 1; of several at one time that with the largest id.
placed as (
    select
        bucket, tenant_id, service_id, name, value,
        row_number() over (
            partition by bucket, tenant_id, service_id, name order by recorded_at desc, event_id desc
        ) as place
    from samples
)
select
    (bucket at time zone 'UTC')::date as day,
    bucket,
    tenant_id,
    service_id,
    count(*) as sample_count,
    sum(case when name = 'cpu_percent' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'cpu_percent' then 1 end), 0) as avg_cpu_percent,
    min(case when name = 'cpu_percent' then value end) as min_cpu_percent,
    max(case when name = 'cpu_percent' then value end) as max_cpu_percent,
    max(case when name = 'cpu_percent' and place = 1 then value end) as last_cpu_percent,
    sum(case when name = 'memory_percent' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'memory_percent' then 1 end), 0) as avg_memory_percent,
    min(case when name = 'memory_percent' then value end) as min_memory_percent,
    max(case when name = 'memory_percent' then value end) as max_memory_percent,
    max(case when name = 'memory_percent' and place = 1 then value end) as last_memory_percent,
    sum(case when name = 'disk_percent' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'disk_percent' then 1 end), 0) as avg_disk_percent,
    min(case when name = 'disk_percent' then value end) as min_disk_percent,
    max(case when name = 'disk_percent' then value end) as max_disk_percent,
    max(case when name = 'disk_percent' and place = 1 then value end) as last_disk_percent,
    sum(case when name = 'request_rate' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'request_rate' then 1 end), 0) as avg_request_rate,
    min(case when name = 'request_rate' then value end) as min_request_rate,
    max(case when name = 'request_rate' then value end) as max_request_rate,
    max(case when name = 'request_rate' and place = 1 then value end) as last_request_rate,
    sum(case when name = 'error_ratio' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'error_ratio' then 1 end), 0) as avg_error_ratio,
    min(case when name = 'error_ratio' then value end) as min_error_ratio,
    max(case when name = 'error_ratio' then value end) as max_error_ratio,
    max(case when name = 'error_ratio' and place = 1 then value end) as last_error_ratio,
    sum(case when name = 'latency_ms' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'latency_ms' then 1 end), 0) as avg_sampled_latency_ms,
    min(case when name = 'latency_ms' then value end) as min_sampled_latency_ms,
    max(case when name = 'latency_ms' then value end) as max_sampled_latency_ms,
    max(case when name = 'latency_ms' and place = 1 then value end) as last_sampled_latency_ms,
    sum(case when name = 'cache_hit_ratio' then cast(value as decimal(38, 6)) end)::double precision
        / nullif(count(case when name = 'cache_hit_ratio' then 1 end), 0) as avg_cache_hit_ratio,
    min(case when name = 'cache_hit_ratio' then value end) as min_cache_hit_ratio,
    max(case when name = 'cache_hit_ratio' then value end) as max_cache_hit_ratio,
    max(case when name = 'cache_hit_ratio' and place = 1 then value end) as last_cache_hit_ratio
from placed
group by 1, 2, 3, 4
