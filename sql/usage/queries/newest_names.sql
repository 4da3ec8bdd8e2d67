/*
description: The newest names of some schemas in the 365 days up to a day.
parameters:
  last: Last of the 365 days.
  ids: Ids of the schemas, with commas between.
columns:
  schema_id: Schema.
  schema_name: The newest name that is known.
*/
with
-- The names of each schema, the newest first.
ranked as (
    select schema_id, schema_name, row_number() over (partition by schema_id order by day desc) as rank
    from usage.schema_names_daily
    where day > :last::date - 365 and day <= :last::date
      and schema_id in (select unnest(string_to_array(:ids, ','))::uuid)
)
select schema_id, schema_name
from ranked
where rank = 1
