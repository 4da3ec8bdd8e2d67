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
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_bucket: "`bucket` of the last row of the page before."
  after_tenant_id: "`tenant_id` of that row."
  after_service_id: "`service_id` of that row."
columns:
  bucket:
    1m: Start of the minute.
    5m: Start of the 5 minutes.
    1h: Start of the hour.
    1d: Start of the day.
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service.
  sample_count: Samples of the seven gauges.
  avg_cpu_percent: Mean use of the processors in percent; NULL without a sample, as for all that follow.
  min_cpu_percent: Lowest use of the processors in percent.
  max_cpu_percent: Highest use of the processors in percent.
  last_cpu_percent: Newest use of the processors in percent.
  avg_memory_percent: Mean use of the memory in percent.
  min_memory_percent: Lowest use of the memory in percent.
  max_memory_percent: Highest use of the memory in percent.
  last_memory_percent: Newest use of the memory in percent.
  avg_disk_percent: Mean use of the disk in percent.
  min_disk_percent: Lowest use of the disk in percent.
  max_disk_percent: Highest use of the disk in percent.
  last_disk_percent: Newest use of the disk in percent.
  avg_request_rate: Mean requests per second.
  min_request_rate: Lowest requests per second.
  max_request_rate: Highest requests per second.
  last_request_rate: Newest requests per second.
  avg_error_ratio: Mean share of requests that failed.
  min_error_ratio: Lowest share of requests that failed.
  max_error_ratio: Highest share of requests that failed.
  last_error_ratio: Newest share of requests that failed.
  avg_sampled_latency_ms: Mean latency in milliseconds.
  min_sampled_latency_ms: Lowest latency in milliseconds.
  max_sampled_latency_ms: Highest latency in milliseconds.
  last_sampled_latency_ms: Newest latency in milliseconds.
  avg_cache_hit_ratio: Mean share of requests that a cache answered.
  min_cache_hit_ratio: Lowest share of requests that a cache answered.
  max_cache_hit_ratio: Highest share of requests that a cache answered.
  last_cache_hit_ratio: Newest share of requests that a cache answered.
*/
select
    bucket, tenant_id, service_id, sample_count,
    avg_cpu_percent, min_cpu_percent, max_cpu_percent, last_cpu_percent,
    avg_memory_percent, min_memory_percent, max_memory_percent, last_memory_percent,
    avg_disk_percent, min_disk_percent, max_disk_percent, last_disk_percent,
    avg_request_rate, min_request_rate, max_request_rate, last_request_rate,
    avg_error_ratio, min_error_ratio, max_error_ratio, last_error_ratio,
    avg_sampled_latency_ms, min_sampled_latency_ms, max_sampled_latency_ms, last_sampled_latency_ms,
    avg_cache_hit_ratio, min_cache_hit_ratio, max_cache_hit_ratio, last_cache_hit_ratio
from platform.service_gauges_:grain
where day >= :start::date and day < :end::date and (:is_any_tenant or tenant_id = :tenant_id)
  and (:service_id = '' or service_id = :service_id)
  and (
    :is_first_page
    or bucket > :after_bucket
    or (bucket = :after_bucket and tenant_id collate "C" > :after_tenant_id)
    or (bucket = :after_bucket and tenant_id = :after_tenant_id and service_id collate "C" > :after_service_id)
  )
order by bucket, tenant_id collate "C", service_id collate "C"
limit :limit
