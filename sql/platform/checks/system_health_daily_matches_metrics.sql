/*
description: Each service with a gauge that is judged is there once a day; only a healthy one has no reason.
*/
with
-- What the table says.
told as (
    select day, tenant_id, service_id, status, reason
    from platform.system_health_daily
    where day >= :start::date and day < :end::date
),
-- Services with such gauges.
metrics as (
    select distinct day, tenant_id, coalesce(labels ->> 'service_id', '') as service_id
    from platform.metric_1d
    where day >= :start::date and day < :end::date and type = 'gauge'
      and (
          name in ('cpu_percent', 'memory_percent', 'disk_percent') and unit in ('', 'percent')
          or name = 'error_ratio' and unit in ('', 'ratio')
          or name = 'latency_ms' and unit in ('', 'ms')
      )
)
select
    coalesce(told.day, metrics.day) as day,
    coalesce(told.tenant_id, metrics.tenant_id) as tenant_id,
    coalesce(told.service_id, metrics.service_id) as service_id,
    told.status, told.reason
from told
full join metrics
    on metrics.day = told.day and metrics.tenant_id = told.tenant_id and metrics.service_id = told.service_id
where told.status is null or metrics.day is null or (told.status = 'healthy') <> (told.reason is null)
