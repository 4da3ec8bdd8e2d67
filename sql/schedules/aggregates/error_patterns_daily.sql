/*
description: Error messages of all schedules per UTC day, grouped by their masked text, and whether it was ever seen before.
key: [day, pattern]
columns:
  day: UTC calendar day the messages were recorded on.
  pattern: The message with its variable parts masked.
  fingerprint: MD5 of the pattern, the same on every day.
  error_count: Records with such a message.
  error_share_ratio: Share of the day's records with any error message.
  schedule_count: Schedules with such a message.
  first_seen_at: When the first of the day was recorded.
  last_seen_at: When the last of the day was recorded.
  sample_message: One of the messages as it was; the first one in the order of their characters.
  first_day: First day the pattern was ever seen on, as of this one.
  is_new: It was on no earlier day.
  rules_version: Version of the rules that masked the messages; patterns of two versions do not compare.
checks:
  - expect_column_values_to_be_between: {column: error_count, min_value: 1}
  - expect_column_values_to_be_between: {column: error_share_ratio, min_value: 0, strict_min: true, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: error_count, column_B: schedule_count, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: day, column_B: first_day, or_equal: true}
*/
with
-- All schedules together.
patterns as (
    select
        day,
        pattern,
        sum(error_count)::bigint as error_count,
        count(*) as schedule_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(sample_message collate "C") as sample_message,
        max(rules_version) as rules_version
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- All errors of each day.
days as (
    select day, sum(error_count) as day_error_count
    from patterns
    group by 1
),
-- The first day of each pattern since the beginning; days after the window cannot be first days of patterns in it.
first_days as (
    select pattern, min(day) as first_day
    from schedules.error_occurrences_daily
    where day >= '-infinity'::date and day < :end::date
    group by 1
)
select
    day,
    pattern,
    md5(pattern) as fingerprint,
    error_count,
    error_count::double precision / day_error_count as error_share_ratio,
    schedule_count,
    first_seen_at,
    last_seen_at,
    sample_message,
    first_day,
    first_day = day as is_new,
    rules_version
from patterns
join days using (day)
join first_days using (pattern)
