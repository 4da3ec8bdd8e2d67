/*
description: >-
  The wide record of four business metrics of a tenant, as the platform wrote it: what came in since the record before, and two
  levels. Each that is not NULL is a sample.
columns:
  event_id: Hash of the record's id, or of the tenant, the time and the line without one, and of the metric.
  recorded_at: "`timestamp`, with its zone."
  name: The metric.
  type: Revenue and content views are counted since the record before; the others are levels.
  unit: Of revenue its currency, of the conversion a ratio; the others are plain numbers.
  labels: The dimension that the record is about, if it names one.
*/
select
    md5(concat_ws('|', coalesce(id, concat_ws('|', tenant_id, "timestamp", _line)), metric.name))::uuid as event_id,
    "timestamp" as recorded_at,
    metric.name as name,
    metric.type as type,
    'business' as category,
    metric.value as value,
    metric.unit as unit,
    case when dimension is null then '{}' else json_object('dimension', dimension)::varchar end as labels,
    tenant_id
from source
cross join unnest([
    {'name': 'revenue', 'type': 'counter', 'unit': currency, 'value': revenue},
    {'name': 'user_count', 'type': 'gauge', 'unit': null, 'value': user_count},
    {'name': 'content_views', 'type': 'counter', 'unit': null, 'value': content_views},
    {'name': 'conversion_ratio', 'type': 'gauge', 'unit': 'ratio', 'value': conversion_rate}
]) as metrics (metric)
where metric.value is not null
