/*
description:
  1h: Share of the operations of all schemas that failed; fewer than 20 of them say nothing.
  1d: Share of the operations of all schemas and of each that failed; fewer than 20 of them say nothing.
unit: ratio
entity: schema
bad: up
*/
select
    day, bucket,
    case when scope = 'global' then '' else schema_id::text end as entity,
    error_count::double precision / operation_count as value,
    operation_count as weight
from usage.schema_usage_:grain
where day >= :start::date and day < :end::date and operation_count >= 20
    and (scope = 'global' or (scope = 'schema' and ':grain' = '1d'))
