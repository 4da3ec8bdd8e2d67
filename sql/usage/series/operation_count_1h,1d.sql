/*
description:
  1h: Operations of all schemas.
  1d: Operations of all schemas and of each.
unit: count
entity: schema
absent: zero
forecast: whole
*/
select
    day, bucket,
    case when scope = 'global' then '' else schema_id::text end as entity,
    operation_count as value,
    operation_count as weight
from usage.schema_usage_:grain
where day >= :start::date and day < :end::date
    and (scope = 'global' or (scope = 'schema' and ':grain' = '1d'))
