/*
description: >-
  The 100 schemas with the most operations over the last 1, 7 and 30 days up to the last complete day, of each operation
  and of all operations together.
key: [last_days, operation, schema_id]
columns:
  last_days: Length of the period in days, 1, 7 or 30.
  operation: Operation; empty for all of them together.
  rank: Position, 1 for the most operations; ties in the order of their ids.
  schema_id: Schema.
  operation_count: Operations in the period.
  error_count: Operations in the period that failed.
  first_day: First day of the period.
  last_day: Last day of the period, the newest day with statistics that is not far below its weekday's usual volume.
checks:
  - expect_column_values_to_be_in_set: {column: last_days, value_set: [1, 7, 30]}
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 100}
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
-- Operations of each day, of single kinds and of all kinds together.
days as (
    select day, last_day, operation, schema_id, operation_count, error_count
    from usage.schema_usage_1d
    join latest on day > last_day - 30 and day <= last_day
    where scope in ('detail', 'schema')
),
-- One row per period, operation and schema.
counted as (
    select
        last_days, operation, schema_id, last_day,
        sum(operation_count)::bigint as operation_count,
        sum(error_count)::bigint as error_count
    from days
    join (values (1), (7), (30)) as periods (last_days) on day > last_day - last_days
    group by 1, 2, 3, 4
),
-- The position among all of them, so that cutting the list cannot change it.
ranked as (
    select
        row_number() over (
            partition by last_days, operation order by operation_count desc, schema_id
        ) as rank,
        last_days, operation, schema_id, operation_count, error_count, last_day
    from counted
)
select
    last_days,
    operation,
    rank,
    schema_id,
    operation_count,
    error_count,
    (last_day - last_days + 1)::date as first_day,
    last_day
from ranked
where rank <= 100
