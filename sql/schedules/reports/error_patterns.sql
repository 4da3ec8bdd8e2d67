/*
description: The 20 most frequent error patterns of the period, those that were never seen before first.
columns:
  pattern: The message with its variable parts masked.
  is_new: It was on no day before the period.
  error_count: Records with such a message.
  error_share_ratio: Share of the period's records with any error message.
  schedule_count: Distinct schedules with such a message.
  last_seen_at: When the last of them was recorded.
*/
with
-- The patterns of the period; a schedule of several days counts once.
patterns as (
    select
        pattern,
        sum(error_count)::bigint as error_count,
        count(distinct schedule_id) as schedule_count,
        max(last_seen_at) as last_seen_at
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Patterns that were first seen in it.
news as (
    select distinct pattern
    from schedules.error_patterns_daily
    where day >= :start::date and day < :end::date and is_new
),
-- All errors of the period.
total as (
    select sum(error_count) as all_error_count from patterns
)
select
    patterns.pattern,
    news.pattern is not null as is_new,
    patterns.error_count,
    patterns.error_count::double precision / total.all_error_count as error_share_ratio,
    patterns.schedule_count,
    patterns.last_seen_at
from patterns
cross join total
left join news on news.pattern = patterns.pattern
order by is_new desc, patterns.error_count desc, patterns.pattern collate "C"
limit 20
