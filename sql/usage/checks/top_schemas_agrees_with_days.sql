/*
description: Each schema of the view has the operations its days have, and no schema with more is left out.
*/
with
-- Events of the newest days and of the 8 weeks before them.
volumes as (
    select day, sum(operation_count)::bigint as volume
    from usage.schema_usage_1d
    where day > (select max(day) from usage.schema_usage_1d) - 63 and scope = 'schema'
    group by 1
),
-- One of the newest 7 days is usual if it has at least half of the median of its weekday in the 8 weeks before it.
judged as (
    select
        newest.day,
        count(past.volume) < 3
            or newest.volume >= 0.5 * percentile_cont(0.5) within group (order by past.volume) as is_usual
    from volumes as newest
    left join volumes as past
        on past.day < newest.day and past.day >= newest.day - 56 and (newest.day - past.day) % 7 = 0
    where newest.day > (select max(day) from volumes) - 7
    group by newest.day, newest.volume
),
-- The newest usual day, as one with far less is half loaded; the newest one if none is usual (a view has no clock).
latest as (
    select coalesce(max(case when is_usual then day end), max(day)) as last_day from judged
),
-- Operations of the three periods, of all kinds together.
schemas as (
    select last_days, schema_id, sum(operation_count) as operation_count
    from usage.schema_usage_1d
    cross join latest
    join (values (1), (7), (30)) as periods (last_days) on day > last_day - last_days and day <= last_day
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
