/*
description: >-
  Each check of the tables of a family with its results for partitions inside the period, failed ones first. Partitions
  that reach beyond the period (the week around a day) belong to their own report; views have none, as they always show
  the newest day.
columns:
  table_name: Table that was checked, with its schema.
  check_name: Check.
  severity: error stops what is downstream of the partition; warn only reports.
  description: What the check demands.
  result_count: Partitions checked.
  failed_count: Partitions that failed the check.
  unexpected_count: Rows that should not be there, over the failed partitions.
  first_failed_day: First day of the first partition that failed; NULL when none did.
  last_failed_day: First day of the last partition that failed; NULL when none did.
*/
with
-- A check that was reworded within the period shows one of its descriptions, the same one under every collation.
results as (
    select
        table_name,
        check_name,
        severity,
        max(description collate "C") as description,
        count(*) as result_count,
        count(*) filter (where not passed) as failed_count,
        coalesce(sum(unexpected_count) filter (where not passed), 0)::bigint as unexpected_count,
        min(period_start) filter (where not passed) as first_failed_day,
        max(period_start) filter (where not passed) as last_failed_day
    from ops.check_results
    where split_part(table_name, '.', 1) = :family
        and period_start >= :start::date
        and period_end <= :end::date
        and period_end > period_start
    group by 1, 2, 3
)
select
    table_name,
    check_name,
    severity,
    description,
    result_count,
    failed_count,
    unexpected_count,
    first_failed_day,
    last_failed_day
from results
order by failed_count = 0, severity collate "C", table_name collate "C", check_name collate "C"
