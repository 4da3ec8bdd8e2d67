/*
description:
  1h: 95th percentile of the latency of all operations; fewer than 20 of them say nothing.
  1d: 95th percentile of the latency of all operations and of those of each schema; fewer than 20 of them say nothing.
unit: ms
entity: schema
bad: up
*/
select
    day, bucket,
    case when scope = 'global' then '' else schema_id::text end as entity,
    p95_latency_ms as value,
    operation_count as weight
from usage.schema_usage_:grain
where day >= :start::date and day < :end::date and operation_count >= 20
    and (scope = 'global' or (scope = 'schema' and ':grain' = '1d'))
