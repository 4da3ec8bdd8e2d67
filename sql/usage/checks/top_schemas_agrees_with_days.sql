/*
description: Each schema of the view has the operations its days have, and no schema with more is left out.
*/
with
-- Operations of the three periods, of all kinds together.
schemas as (
    select last_days, schema_id, sum(operation_count) as operation_count
    from usage.schema_usage_1d
    join (values (1), (7), (30)) as periods (last_days)
        on day > (select max(day) from usage.schema_usage_1d) - last_days
    where scope = 'schema'
    group by 1, 2
),
-- What the view says.
told as (
    select last_days, schema_id, rank, operation_count
    from usage.top_schemas
    where operation = ''
),
-- Where each of its lists ends.
ends as (
    select last_days, count(*) as length, min(operation_count) as fewest
    from told
    group by 1
)
select last_days, schema_id, told.rank, told.operation_count, schemas.operation_count as operations_of_days
from told
full join schemas using (last_days, schema_id)
left join ends using (last_days)
where (told.rank is not null and told.operation_count is distinct from schemas.operation_count)
   or (told.rank is null and (coalesce(ends.length, 0) < 100 or schemas.operation_count > ends.fewest))
