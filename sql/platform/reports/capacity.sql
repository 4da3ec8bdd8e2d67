/*
description: >-
  The lake at the end of the period: all tables together, then the 15 largest. It is full when all tables together reach the
  setting platform_capacity_gb, at the pace of the 28 days up to the end of the period.
columns:
  table_name: Table, with its schema; empty for all together.
  size_bytes: Bytes of the current files of all days up to the end of the period.
  row_count: Rows in them.
  period_bytes: Bytes of the days of the period.
  previous_period_bytes: Bytes of the days of the period before.
  daily_bytes: Mean bytes of a day, over the 28 days up to the end of the period.
  full_on: The day on which the lake is full; NULL for single tables, when nothing grows, or beyond 100 years.
*/
with
-- Files of each table and of all together.
files as (
    select table_name, day, rows, size_bytes from ops.lake_files where superseded_at is null and day < :end::date
    union all
    select '', day, rows, size_bytes from ops.lake_files where superseded_at is null and day < :end::date
),
-- What each has and how it grows.
tables as (
    select
        table_name,
        sum(size_bytes)::bigint as size_bytes,
        sum(rows)::bigint as row_count,
        coalesce(sum(case when day >= :start::date then size_bytes end), 0)::bigint as period_bytes,
        coalesce(sum(case when day >= :previous_start::date and day < :previous_end::date then size_bytes end), 0)
            ::bigint as previous_period_bytes,
        coalesce(sum(case when day >= :end::date - 28 then size_bytes end), 0)::double precision / 28 as daily_bytes
    from files
    group by 1
),
-- All together first, then the largest.
ranked as (
    select
        table_name, size_bytes, row_count, period_bytes, previous_period_bytes, daily_bytes,
        greatest(:platform_capacity_gb * 1000000000.0 - size_bytes, 0) / nullif(daily_bytes, 0) as days_left,
        row_number() over (order by table_name <> '', size_bytes desc, table_name collate "C") as rank
    from tables
)
select
    table_name,
    size_bytes,
    row_count,
    period_bytes,
    previous_period_bytes,
    daily_bytes,
    case when table_name = '' and days_left <= 36500 then (:end::date + ceil(days_left)::integer)::date end as full_on
from ranked
where rank <= 16
order by rank
