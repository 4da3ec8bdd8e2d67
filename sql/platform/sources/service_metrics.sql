/*
description: >-
  The wide record of seven gauges of a service at one time, as the streaming services wrote it. Each gauge that is not NULL is a
  sample; a record of a tenant names it.
columns:
  event_id: Hash of the record's id, or of the service, the time and the line without one, and of the metric.
  recorded_at: "`timestamp`, with its zone."
  name: The gauge with its unit.
  type: All are gauges.
  category: Rate and latency are about performance, the others about the system.
  labels: The service.
*/
select
    md5(concat_ws('|', coalesce(id, concat_ws('|', service_id, "timestamp", _line)), gauge.name))::uuid as event_id,
    "timestamp" as recorded_at,
    gauge.name as name,
    'gauge' as type,
    gauge.category as category,
    gauge.value as value,
    gauge.unit as unit,
    json_object('service_id', service_id)::varchar as labels,
    tenant_id
from source
cross join unnest([
    {'name': 'cpu_percent', 'category': 'system', 'unit': 'percent', 'value': cpu_usage},
    {'name': 'memory_percent', 'category': 'system', 'unit': 'percent', 'value': memory_usage},
    {'name': 'disk_percent', 'category': 'system', 'unit': 'percent', 'value': disk_usage},
    {'name': 'request_rate', 'category': 'performance', 'unit': '1/s', 'value': request_rate},
    {'name': 'error_ratio', 'category': 'system', 'unit': 'ratio', 'value': error_rate},
    {'name': 'latency_ms', 'category': 'performance', 'unit': 'ms', 'value': latency_ms},
    {'name': 'cache_hit_ratio', 'category': 'system', 'unit': 'ratio', 'value': cache_hit_rate}
]) as gauges (gauge)
where gauge.value is not null
