/*
description: Use of the processors of each service, mean of the hour's samples in percent or without a unit.
unit: percent
entity: service
bad: up
*/
select
    day, bucket, nullif(tenant_id, '') as tenant_id, service_id as entity,
    sum(avg_value * sample_count) / sum(sample_count) as value, sum(sample_count) as weight
from platform.service_gauges_1h
where day >= :start::date and day < :end::date and name = 'cpu_percent' and unit in ('', 'percent')
group by 1, 2, 3, 4
