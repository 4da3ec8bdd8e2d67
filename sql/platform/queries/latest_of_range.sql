/*
description: >-
  The newest sample of each series of a metric in a range of days. It reads the days and not the view metric_latest, so that a
  tenant can ask, too.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  name: Metric.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the newest; ties in the order of tenant and series.
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  category: What the metric is about.
  type: counter, gauge, histogram or summary.
  unit: Unit of the value; empty for plain numbers.
  labels: Labels of the series.
  value: The newest value by time, then by event_id.
  recorded_at: When it was measured.
*/
with
-- The days of each series, the newest first.
days as (
    select
        tenant_id, name, category, type, unit, labels, last_value, last_at,
        row_number() over (partition by tenant_id, name, category, type, unit, labels order by day desc) as place
    from platform.metric_1d
    where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
      and name = :name
),
-- The position of each series, before a page is cut out; labels, as PostgreSQL writes them, only part equals.
ranked as (
    select
        row_number() over (
            order by
                last_at desc, tenant_id collate "C", category collate "C", type collate "C", unit collate "C",
                concat(labels, '') collate "C"
        ) as rank,
        tenant_id, name, category, type, unit, labels, last_value, last_at
    from days
    where place = 1
)
select
    rank,
    tenant_id,
    name,
    category,
    type,
    unit,
    labels,
    last_value as value,
    last_at as recorded_at
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
