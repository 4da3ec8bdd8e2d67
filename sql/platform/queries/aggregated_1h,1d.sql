/*
description:
  1h: A metric per hour and series in a range of days, oldest first.
  1d: A metric per day and series in a range of days, oldest first.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  name: Metric.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position in the order of bucket, tenant and series.
  bucket: Start of the bucket.
  tenant_id: Tenant; empty for the platform itself.
  type: counter, gauge, histogram or summary.
  unit: Unit of the values; empty for plain numbers.
  labels: Labels of the series.
  sample_count: Samples in the bucket.
  min_value: Lowest value.
  max_value: Highest value.
  avg_value: Mean of the values.
  last_value: The newest value.
  p50_value: Median of the values, continuous.
  p95_value: 95th percentile of the values, continuous.
  p99_value: 99th percentile of the values, continuous.
  increase: How much a counter grew; NULL for other types.
  increase_per_second: The same per second; NULL for other types.
  reset_count: How often a cumulative counter fell, after a restart.
*/
with
-- The position among all of them, before a page is cut out; labels, as PostgreSQL writes them, only part equals.
ranked as (
    select
        row_number() over (
            order by
                bucket, tenant_id collate "C", category collate "C", type collate "C", unit collate "C",
                concat(labels, '') collate "C"
        ) as rank,
        bucket, tenant_id, type, unit, labels, sample_count, min_value, max_value, avg_value, last_value,
        p50_value, p95_value, p99_value, increase, increase_per_second, reset_count
    from platform.metric_:grain
    where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
      and name = :name
)
select
    rank, bucket, tenant_id, type, unit, labels, sample_count, min_value, max_value, avg_value, last_value,
    p50_value, p95_value, p99_value, increase, increase_per_second, reset_count
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
