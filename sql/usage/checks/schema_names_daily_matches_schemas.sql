/*
description: A schema with a name was used on the day.
*/
select day, schema_id, schema_name
from usage.schema_names_daily
where day >= :start::date and day < :end::date and (day, schema_id) not in (
    select day, schema_id from usage.schema_usage_1d
    where day >= :start::date and day < :end::date and scope = 'schema'
)
