/*
description: >-
  Share of the requests that failed of each service, mean of the day's samples. Nobody knows of how many requests, so it
  has no weight.
unit: ratio
entity: service
bad: up
*/
select
    day, nullif(tenant_id, '') as tenant_id, service_id as entity, avg_error_ratio as value,
    null::double precision as weight
from platform.system_health_daily
where day >= :start::date and day < :end::date
