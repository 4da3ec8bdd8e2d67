/*
description: >-
  The newest name of each schema in the period and the year before it, after which a schema is forgotten. All sections
  read it.
columns:
  schema_key: The schema's id as text.
  schema_name: Its newest name.
*/
with
-- The newest day first.
ranked as (
    select schema_id, schema_name, row_number() over (partition by schema_id order by day desc) as rank
    from usage.schema_names_daily
    where day >= :start::date - 365 and day < :end::date
)
select schema_id::text as schema_key, schema_name
from ranked
where rank = 1
order by 1
