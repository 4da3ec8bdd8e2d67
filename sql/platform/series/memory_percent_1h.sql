/*
description: Use of the memory of each service, mean of the hour's samples.
unit: percent
entity: service
bad: up
*/
select
    day, bucket, nullif(tenant_id, '') as tenant_id, service_id as entity, avg_value as value, sample_count as weight
from platform.service_gauges_1h
where day >= :start::date and day < :end::date and name = 'memory_percent' and unit = 'percent'
