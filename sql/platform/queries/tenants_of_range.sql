/*
description: Each tenant on each day of a range.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_day: "`day` of the last row of the page before."
  after_tenant_id: "`tenant_id` of that row."
columns:
  day: UTC calendar day.
  tenant_id: Tenant; empty for the platform itself.
  sample_count: Samples of the day.
  series_count: Series they belong to.
  active_users: Distinct users that samples are about.
  service_count: Services whose health is known.
  degraded_count: Those of them that were degraded.
  critical_count: Those of them that were critical.
  status: The worst status of a service; unknown when none is known.
*/
select day, tenant_id, sample_count, series_count, active_users, service_count, degraded_count, critical_count, status
from platform.tenant_overview_daily
where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
  and (
    :is_first_page
    or day > :after_day::date
    or (day = :after_day::date and tenant_id collate "C" > :after_tenant_id)
  )
order by day, tenant_id collate "C"
limit :limit
