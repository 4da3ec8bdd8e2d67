/*
description: Latency of each service, mean of the day's samples.
unit: ms
entity: service
bad: up
*/
select day, nullif(tenant_id, '') as tenant_id, service_id as entity, avg_latency_ms as value, hour_count as weight
from platform.system_health_daily
where day >= :start::date and day < :end::date
