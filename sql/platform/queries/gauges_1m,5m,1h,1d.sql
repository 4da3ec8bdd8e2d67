/*
description:
  1m: The gauges of one service or of each of them per minute, the oldest first.
  5m: The gauges of one service or of each of them per 5 minutes, the oldest first.
  1h: The gauges of one service or of each of them per hour, the oldest first.
  1d: The gauges of one service or of each of them per day, the oldest first.
parameters:
  tenant_id: Tenant; empty for the platform itself.
  is_any_tenant: Whether rows of all tenants and of the platform are wanted; `tenant_id` is then ignored.
  service_id: Service; empty for all.
  name: Gauge; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_bucket: "`bucket` of the last row of the page before."
  after_tenant_id: "`tenant_id` of that row."
  after_service_id: "`service_id` of that row."
  after_name: "`name` of that row."
  after_unit: "`unit` of that row."
columns:
  bucket:
    1m: Start of the minute.
    5m: Start of the 5 minutes.
    1h: Start of the hour.
    1d: Start of the day.
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service.
  name: Gauge, such as cpu_percent.
  unit: Unit of the values; empty for plain numbers.
  sample_count: Samples in the bucket.
  avg_value: Mean of the values.
  min_value: Lowest value.
  max_value: Highest value.
  last_value: The newest value.
*/
select bucket, tenant_id, service_id, name, unit, sample_count, avg_value, min_value, max_value, last_value
from platform.service_gauges_:grain
where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
  and (:service_id = '' or service_id = :service_id) and (:name = '' or name = :name)
  and (
    :is_first_page
    or bucket > :after_bucket
    or (bucket = :after_bucket and tenant_id collate "C" > :after_tenant_id)
    or (bucket = :after_bucket and tenant_id = :after_tenant_id and (
        service_id collate "C" > :after_service_id
        or (service_id = :after_service_id and name collate "C" > :after_name)
        or (service_id = :after_service_id and name = :after_name and unit collate "C" > :after_unit)
    ))
  )
order by bucket, tenant_id collate "C", service_id collate "C", name collate "C", unit collate "C"
limit :limit
