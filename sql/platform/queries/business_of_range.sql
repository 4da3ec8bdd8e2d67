/*
description: The business metrics of each day of a range. Units, such as currencies, are apart, and so are dimensions.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position in the order of day, tenant, metric and dimensions.
  day: UTC calendar day.
  tenant_id: Tenant; empty for the platform itself.
  name: Metric.
  unit: Unit, of amounts their currency; empty for plain numbers.
  labels: Dimensions of the metric.
  total_value: Sum of the day, of counters what they grew by; NULL for gauges.
  avg_value: Mean value of the day.
  last_value: The newest value of the day.
*/
with
-- The position among all of them, before a page is cut out; labels, as PostgreSQL writes them, only part equals.
ranked as (
    select
        row_number() over (
            order by
                day, tenant_id collate "C", name collate "C", unit collate "C", type collate "C",
                concat(labels, '') collate "C"
        ) as rank,
        day, tenant_id, name, unit, labels, total_value, avg_value, last_value
    from platform.business_daily
    where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
)
select rank, day, tenant_id, name, unit, labels, total_value, avg_value, last_value
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
