/*
description: Use of the processors of each service, mean of the day's samples.
unit: percent
entity: service
bad: up
forecast: each
limit: {value: 80, action: add capacity}
*/
select day, nullif(tenant_id, '') as tenant_id, service_id as entity, avg_cpu_percent as value, hour_count as weight
from platform.system_health_daily
where day >= :start::date and day < :end::date
