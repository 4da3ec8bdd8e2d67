/*
description: Each schema of the view has the operations its days have, in both weeks up to the last day of usual volume.
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
)
select trending.schema_id, trending.operation_count, trending.previous_operation_count, trending.last_day
from usage.trending_schemas as trending
cross join latest
where trending.last_day <> latest.last_day
    or trending.operation_count <> (
        select coalesce(sum(d.operation_count), 0) from usage.schema_usage_1d as d
        where d.schema_id = trending.schema_id and d.scope = 'schema'
          and d.day > latest.last_day - 7 and d.day <= latest.last_day
    )
    or trending.previous_operation_count <> (
        select coalesce(sum(d.operation_count), 0) from usage.schema_usage_1d as d
        where d.schema_id = trending.schema_id and d.scope = 'schema'
          and d.day > latest.last_day - 14 and d.day <= latest.last_day - 7
    )
