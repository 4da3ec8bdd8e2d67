/*
description: >-
  The scorecard of each schema on each UTC day with events. The overall score is a weighted sum of three components of 0
  to 100; weights, target and minimum are settings.
key: [day, schema_id]
columns:
  day: UTC calendar day.
  schema_id: Schema.
  overall_score: Weighted sum of the three scores, 0 to 100; NULL when there is too little to judge, see reason.
  success_rate_score: 100 times the share of the day's operations that succeeded; NULL without operations.
  performance_score: >-
    100 when the day's 95th percentile of the latency is within the target, falling evenly to 0 at five times the target;
    NULL without operations.
  activity_score: >-
    The day's operations against the median of the schema's days with operations in the 30 days up to the day, both as
    logarithms; 100 at the median or above, 0 without operations.
  reason: Why there is no overall score.
  is_zombie: Not used for 90 days, or never in the 30 days since it was first seen.
  recommendations: What to do, one sentence a line, each with the number that led to it; NULL when there is nothing to do.
  operation_count: Operations of the day.
  success_count: Operations of the day that succeeded.
  p95_latency_ms: 95th percentile of the day's latency in milliseconds, continuous; NULL without operations.
  operations_7d: Operations of the 7 days up to and including the day.
  median_operations_30d: Median of the operations per day, of the days with any in the 30 days up to the day.
  formula_version: Version of the formula, 1, with its weights and its target.
checks:
  - expect_column_values_to_be_between: {column: overall_score, min_value: 0, max_value: 100}
  - expect_column_values_to_be_between: {column: success_rate_score, min_value: 0, max_value: 100}
  - expect_column_values_to_be_between: {column: performance_score, min_value: 0, max_value: 100}
  - expect_column_values_to_be_between: {column: activity_score, min_value: 0, max_value: 100}
*/
with
-- Each schema's own 30 days; days without operations have no row.
days as (
    select day, schema_id, operation_count, success_count, p95_latency_ms
    from usage.schema_usage_1d
    where day > :start::date - 30 and day < :end::date and scope = 'schema'
),
-- Everything that is known of a schema at the end of a day.
schemas as (
    select
        live.day, live.schema_id, live.state = 'zombie' as is_zombie, live.days_since_use,
        live.day - live.first_seen_day as days_since_seen,
        coalesce(max(days.operation_count) filter (where days.day = live.day), 0) as operation_count,
        coalesce(max(days.success_count) filter (where days.day = live.day), 0) as success_count,
        max(days.p95_latency_ms) filter (where days.day = live.day) as p95_latency_ms,
        coalesce(sum(days.operation_count) filter (where days.day > live.day - 7), 0)::bigint as operations_7d,
        (percentile_cont(0.50) within group (order by days.operation_count))::double precision as median_operations_30d
    from usage.schema_liveness_daily as live
    left join days on days.schema_id = live.schema_id and days.day > live.day - 30 and days.day <= live.day
    where live.day >= :start::date and live.day < :end::date
    group by live.day, live.schema_id, live.state, live.days_since_use, live.first_seen_day
),
-- The components; a latency of five times the target is four targets above it.
scored as (
    select
        day, schema_id, is_zombie, days_since_use, days_since_seen, operation_count, success_count, p95_latency_ms,
        operations_7d, median_operations_30d,
        100 * success_count::double precision / nullif(operation_count, 0) as success_rate_score,
        100 * least(1, greatest(0, (5 * :usage_target_p95_ms - p95_latency_ms) / (4 * :usage_target_p95_ms)))
            as latency_score,
        case
            when operation_count = 0 then 0
            else 100 * least(1, ln(1 + operation_count::double precision) / ln(1 + median_operations_30d))
        end::double precision as activity_score
    from schemas
)
select
    day,
    schema_id,
    case
        when operation_count > 0 and operations_7d >= :usage_score_min_operations then (
            :usage_success_weight * success_rate_score
            + :usage_performance_weight * latency_score
            + :usage_activity_weight * activity_score
        )::double precision
    end as overall_score,
    success_rate_score,
    case when operation_count > 0 then latency_score::double precision end as performance_score,
    activity_score,
    case
        when operations_7d < :usage_score_min_operations then concat(
            'only ', operations_7d, ' operations in the last 7 days, ', :usage_score_min_operations, ' are needed'
        )
        when operation_count = 0 then 'no operations on this day'
    end as reason,
    is_zombie,
    nullif(concat_ws(
        chr(10),
        case
            when is_zombie and days_since_use is null then concat(
                'Ask its owner whether it can go: never used in the ', days_since_seen, ' days since it was first seen.'
            )
            when is_zombie then concat(
                'Ask its owner whether it can go: not used for ', days_since_use, ' days.'
            )
        end,
        case
            when operations_7d >= :usage_score_min_operations and success_rate_score < 95 then concat(
                'Find out why ', operation_count - success_count, ' of ', operation_count, ' operations failed (',
                cast(100 - success_rate_score as decimal(18, 1)), ' %).'
            )
        end,
        case
            when operations_7d >= :usage_score_min_operations and p95_latency_ms > :usage_target_p95_ms then concat(
                'Make it faster: the 95th percentile of its latency is ', cast(p95_latency_ms as decimal(18, 1)),
                ' ms, the target ', :usage_target_p95_ms, ' ms.'
            )
        end,
        case
            when operations_7d >= :usage_score_min_operations and activity_score < 50 then concat(
                'See whether a service has stopped using it: ', operation_count, ' operations, usually ',
                cast(median_operations_30d as decimal(18, 1)), ' a day.'
            )
        end
    ), '') as recommendations,
    operation_count,
    success_count,
    p95_latency_ms,
    operations_7d,
    median_operations_30d,
    concat(
        '1: ', :usage_success_weight, ' success, ', :usage_performance_weight, ' performance (target ',
        :usage_target_p95_ms, ' ms), ', :usage_activity_weight, ' activity'
    ) as formula_version
from scored
