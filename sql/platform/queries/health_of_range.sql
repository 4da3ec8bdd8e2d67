/*
description: The health of each service on each day of a range.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_day: "`day` of the last row of the page before."
  after_tenant_id: "`tenant_id` of that row."
  after_service_id: "`service_id` of that row."
columns:
  day: UTC calendar day.
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service; empty for gauges that name none.
  status: healthy, degraded or critical.
  reason: Why it was not healthy; NULL when it was.
  avg_cpu_percent: Mean of the day; NULL without samples, as for the other gauges.
  avg_memory_percent: Mean use of the memory, in percent.
  avg_disk_percent: Mean use of the disk, in percent.
  avg_error_ratio: Mean share of requests that failed.
  avg_latency_ms: Mean latency in milliseconds.
  critical_hour_count: Hours in which a gauge reached its critical limit.
*/
select
    day, tenant_id, service_id, status, reason, avg_cpu_percent, avg_memory_percent, avg_disk_percent, avg_error_ratio,
    avg_latency_ms, critical_hour_count
from platform.system_health_daily
where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
  and (
    :is_first_page
    or day > :after_day::date
    or (day = :after_day::date and tenant_id collate "C" > :after_tenant_id)
    or (day = :after_day::date and tenant_id = :after_tenant_id and service_id collate "C" > :after_service_id)
  )
order by day, tenant_id collate "C", service_id collate "C"
limit :limit
