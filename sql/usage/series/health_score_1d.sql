/*
description: The score of each schema.
unit: score
entity: schema
bad: down
*/
select day, schema_id::text as entity, overall_score as value, operations_7d as weight
from usage.schema_health_daily
where day >= :start::date and day < :end::date
