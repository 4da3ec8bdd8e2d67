/*
description:
  1m: Operations of each service per minute UTC. Gauges of services, such as CPU, come with the samples of the family platform.
  5m: Operations of each service per 5 minutes UTC. Gauges of services, such as CPU, come with the samples of the family platform.
  1h: Operations of each service per hour UTC. Gauges of services, such as CPU, come with the samples of the family platform.
  1d: Operations of each service per day UTC. Gauges of services, such as CPU, come with the samples of the family platform.
kept: {1m: lake, 5m: lake}
key: [day, bucket, service_id]
columns:
  day: UTC calendar day of the bucket.
  bucket:
    1m: Start of the minute, which holds [bucket, bucket + 1 minute).
    5m: Start of the 5 minutes, which holds [bucket, bucket + 5 minutes).
    1h: Start of the hour, which holds [bucket, bucket + 1 hour).
    1d: Start of the day, which holds [bucket, bucket + 1 day).
  service_id: Service.
  event_count: Performance events, one for each operation that the service carried out.
  success_count: Those that succeeded.
  error_count: Those that failed.
  success_rate: Share of the events that succeeded.
  error_rate: Share of the events that failed.
  throughput: Events per second, over the whole length of the bucket.
  timed_count: Events whose duration is known, failed ones included; latencies are theirs.
  total_latency_ms: Sum of the known durations, in milliseconds.
  avg_latency_ms: Mean latency in milliseconds; NULL when no duration is known.
  p50_latency_ms: Median latency in milliseconds, continuous.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous.
  p99_latency_ms: 99th percentile of the latency in milliseconds, continuous.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
  - expect_column_values_to_be_between: {column: error_rate, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: event_count, column_B: timed_count, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: p99_latency_ms, column_B: p95_latency_ms, or_equal: true}
*/
with
-- Each event with its bucket, from the whole seconds since 1970 in UTC, since fractions may be rounded up.
events as (
    select
        to_timestamp(
            :bucket * floor(date_part('epoch', date_trunc('second', occurred_at at time zone 'UTC')) / :bucket)
        ) as bucket,
        service_id, duration_ms, success
    from services.performance_events
    where occurred_at >= :start and occurred_at < :end
),
-- Each service in each bucket.
measured as (
    select
        bucket, service_id,
        count(*) as event_count,
        count(*) filter (where success) as success_count,
        count(duration_ms) as timed_count,
        coalesce(sum(duration_ms), 0)::bigint as total_latency_ms,
        (percentile_cont(0.50) within group (order by duration_ms))::double precision as p50_latency_ms,
        (percentile_cont(0.95) within group (order by duration_ms))::double precision as p95_latency_ms,
        (percentile_cont(0.99) within group (order by duration_ms))::double precision as p99_latency_ms
    from events
    group by 1, 2
)
select
    (bucket at time zone 'UTC')::date as day,
    bucket,
    service_id,
    event_count,
    success_count,
    event_count - success_count as error_count,
    success_count::double precision / event_count as success_rate,
    (event_count - success_count)::double precision / event_count as error_rate,
    event_count::double precision / :bucket as throughput,
    timed_count,
    total_latency_ms,
    total_latency_ms::double precision / nullif(timed_count, 0) as avg_latency_ms,
    p50_latency_ms,
    p95_latency_ms,
    p99_latency_ms
from measured
