/*
description: The newest name of each schema that has one.
columns:
  schema_id: Schema.
  schema_name: The newest name that is known.
*/
with
-- The names of each schema, the newest first.
ranked as (
    select schema_id, schema_name, row_number() over (partition by schema_id order by day desc) as rank
    from usage.schema_names_daily
)
select schema_id, schema_name
from ranked
where rank = 1
order by schema_id
