/*
description: What became of the executions that started on each day.
columns:
  day: UTC calendar day the executions started on, at most 2 days before they were first recorded.
  execution_count: Executions that started; one that comes again after more than 2 days counts as another.
  mongo_count: Those recorded by the first tier.
  clickhouse_count: Those recorded by the second tier.
  redis_count: Those recorded by the third tier.
  completed_count: Those that succeeded in each of the three tiers, in whatever order these recorded it.
  lost_before_clickhouse_count: Those that succeeded in the first tier and were seen by no later one.
  lost_before_redis_count: Those that succeeded in the second tier and were not seen by the third.
  stopped_in_mongo_count: Those that came no further than the first tier and did not succeed there.
  stopped_in_clickhouse_count: Those that came no further than the second tier and did not succeed there.
  stopped_in_redis_count: Those that did not succeed in the third tier.
  tier_missing_count: Those of which a tier in between is missing, so that they are none of the others.
  completed_ratio: Share of executions that were completed.
  lost_ratio: Share of executions that were lost between two tiers.
  avg_end_to_end_ms: Mean time of the completed ones from their start to their publication, in milliseconds; NULL without any.
  p50_end_to_end_ms: Median of that time in milliseconds, continuous.
  p95_end_to_end_ms: 95th percentile of that time in milliseconds, continuous.
  p99_end_to_end_ms: 99th percentile of that time in milliseconds, continuous.
*/
select
    day, execution_count, mongo_count, clickhouse_count, redis_count, completed_count, lost_before_clickhouse_count,
    lost_before_redis_count, stopped_in_mongo_count, stopped_in_clickhouse_count, stopped_in_redis_count,
    execution_count - completed_count - lost_before_clickhouse_count - lost_before_redis_count
        - stopped_in_mongo_count - stopped_in_clickhouse_count - stopped_in_redis_count as tier_missing_count,
    completed_ratio, lost_ratio, avg_end_to_end_ms, p50_end_to_end_ms, p95_end_to_end_ms, p99_end_to_end_ms
from schedules.schedule_flow_daily
where day >= :start::date and day < :end::date
order by day
