/*
description: Each schema of the view has the operations its days have, in both weeks.
*/
with
-- The newest day there is.
latest as (
    select max(day) as last_day from usage.schema_usage_1d
)
select trending.schema_id, trending.operation_count, trending.previous_operation_count, trending.last_day
from usage.trending_schemas as trending
cross join latest
where trending.operation_count <> (
        select coalesce(sum(d.operation_count), 0) from usage.schema_usage_1d as d
        where d.schema_id = trending.schema_id and d.scope = 'schema' and d.day > latest.last_day - 7
    )
    or trending.previous_operation_count <> (
        select coalesce(sum(d.operation_count), 0) from usage.schema_usage_1d as d
        where d.schema_id = trending.schema_id and d.scope = 'schema'
          and d.day > latest.last_day - 14 and d.day <= latest.last_day - 7
    )
