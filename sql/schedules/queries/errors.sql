/*
description: Error patterns of all days together, the most frequent first.
parameters:
  schedule_id: Schedule; empty for all.
  after_count: Count of the last row of the page before; the highest number for the first page.
  after_pattern: "`pattern` of the last row of the page before."
columns:
  pattern: The message with its variable parts masked.
  error_count: Records with such a message.
  schedule_count: Schedules with such a message.
  first_seen_at: When the first of them was recorded.
  last_seen_at: When the last of them was recorded.
  is_new: It was never seen before the days.
  sample_message: One of the messages as it was, at most 500 characters; the first one in the order of their characters.
*/
with
-- The patterns of the days, or those of one schedule.
patterns as (
    select
        pattern,
        sum(error_count)::bigint as error_count,
        count(distinct schedule_id) as schedule_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        pattern in (
            select pattern from schedules.error_patterns_daily where day >= :start::date and day < :end::date and is_new
        ) as is_new,
        min(sample_message collate "C") as sample_message
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date and (:schedule_id = '' or schedule_id = :schedule_id)
    group by pattern
)
select pattern, error_count, schedule_count, first_seen_at, last_seen_at, is_new, sample_message
from patterns
where error_count < :after_count or error_count = :after_count and pattern collate "C" > :after_pattern
order by error_count desc, pattern collate "C"
limit :limit
