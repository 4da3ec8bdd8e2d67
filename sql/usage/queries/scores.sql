/*
description: Scorecards of one schema or of all, day by day, the lowest score first.
parameters:
  schema_id: Schema; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_day: "`day` of the last row of the page before."
  after_rank: "`rank` of the last row of the page before."
columns:
  day: UTC calendar day.
  rank: Position, 1 for the lowest score of the day, among all schemas; those without a score come last.
  schema_id: Schema.
  overall_score: Weighted sum of the three scores, 0 to 100; NULL when there is too little to judge, see reason.
  success_rate_score: 100 times the share of the day's operations that succeeded; NULL without operations.
  performance_score: 100 when the day's 95th percentile of the latency is within the target, falling evenly to 0 at five times the target; NULL without operations.
  activity_score: The day's operations against the median of the schema's days with operations in the 30 days up to the day, both as logarithms; 100 at the median or above, 0 without operations.
  is_zombie: Not used for 90 days, or never in the 30 days since it was first seen.
  reason: Why there is no overall score.
  recommendations: What to do, one sentence a line, each with the number that led to it; NULL when there is nothing to do.
  operation_count: Operations of the day.
  success_count: Operations of the day that succeeded.
  p95_latency_ms: 95th percentile of the day's latency in milliseconds, continuous; NULL without operations.
  operations_7d: Operations of the 7 days up to and including the day.
  median_operations_30d: Median of the operations per day, of the days with any in the 30 days up to the day.
  formula_version: Version of the formula, 1, with its weights and its target.
*/
with
-- The position among all schemas, before one of them is picked.
ranked as (
    select
        day, row_number() over (partition by day order by overall_score nulls last, schema_id) as rank, schema_id,
        overall_score, success_rate_score, performance_score, activity_score, is_zombie, reason, recommendations,
        operation_count, success_count, p95_latency_ms, operations_7d, median_operations_30d, formula_version
    from usage.schema_health_daily
    where day >= :start::date and day < :end::date
)
select
    day, rank, schema_id, overall_score, success_rate_score, performance_score, activity_score, is_zombie, reason,
    recommendations, operation_count, success_count, p95_latency_ms, operations_7d, median_operations_30d,
    formula_version
from ranked
where (:schema_id = '' or schema_id::text = :schema_id)
  and (:is_first_page or (day, rank) > (:after_day::date, :after_rank))
order by day, rank
limit :limit
