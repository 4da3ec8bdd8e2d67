/*
description: >-
  Error messages of each schedule per UTC day, with what varies from one to the next masked: quoted texts, URLs,
  e-mail addresses, paths, UUIDs, times, hexadecimal and mixed identifiers, numbers.
key: [day, pattern, schedule_id]
columns:
  day: UTC calendar day the messages were recorded on.
  pattern: The message with its variable parts masked, at most 300 characters.
  schedule_id: Schedule.
  error_count: Records with such a message.
  first_seen_at: When the first of them was recorded.
  last_seen_at: When the last of them was recorded.
  sample_message: One of the messages as it was, at most 500 characters; the first one in the order of their characters.
checks:
  - expect_column_values_to_be_between: {column: error_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: last_seen_at, column_B: first_seen_at, or_equal: true}
*/
with
-- Equal messages first, so that each is masked once.
messages as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        schedule_id,
        error_message,
        count(*) as error_count,
        min(recorded_at) as first_seen_at,
        max(recorded_at) as last_seen_at
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and error_message is not null
    group by 1, 2, 3
),
-- Quoted texts, not apostrophes inside of words; no quote stands before them, or engines would disagree.
unquoted as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(error_message, '"[^"]*"|`[^`]*`', '<text>', 'g'),
            '(^|[^0-9A-Za-z''])''[^'']*''', '\1<text>', 'g'
        ) as masked
    from messages
),
-- URLs and e-mail addresses, then paths of either kind of slash.
without_paths as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(masked, '[A-Za-z][0-9A-Za-z+.-]*://[^] <>"`,)[]+', '<url>', 'g'),
                    '[0-9A-Za-z_.+-]+@[0-9A-Za-z.-]+', '<email>', 'g'
                ),
                '(^|[^0-9A-Za-z<>_./~-])[.~]?(/[0-9A-Za-z_.@%+~=-]+)+/?', '\1<path>', 'g'
            ),
            '(^|[^0-9A-Za-z])[A-Za-z]:(\\[0-9A-Za-z_.@%+~=-]+)+', '\1<path>', 'g'
        ) as masked
    from unquoted
),
-- UUIDs, and times in the form of ISO 8601, with or without their day.
without_times as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                masked, '[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}', '<uuid>', 'g'
            ),
            '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?'
            || '|[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?',
            '<time>', 'g'
        ) as masked
    from without_paths
),
-- Whole numbers before hexadecimal ones, which look alike; twice, since neighbours share the character between them.
without_numbers as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                masked, '(^|[^0-9A-Za-z])[0-9]+([.,][0-9]+)*($|[^0-9A-Za-z])', '\1<n>\3', 'g'
            ),
            '(^|[^0-9A-Za-z])[0-9]+([.,][0-9]+)*($|[^0-9A-Za-z])', '\1<n>\3', 'g'
        ) as masked
    from without_times
),
-- Hexadecimal numbers of 8 digits and more, and those that say so.
without_hexes as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                masked, '(^|[^0-9A-Za-z])(0[xX][0-9A-Fa-f]+|[0-9A-Fa-f]{8,})($|[^0-9A-Za-z])', '\1<hex>\3', 'g'
            ),
            '(^|[^0-9A-Za-z])(0[xX][0-9A-Fa-f]+|[0-9A-Fa-f]{8,})($|[^0-9A-Za-z])', '\1<hex>\3', 'g'
        ) as masked
    from without_numbers
),
-- Identifiers that change between letters and digits at least twice, then the numbers that are part of a word.
patterns as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        left(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        masked, '[0-9]+[A-Za-z]+[0-9]+[0-9A-Za-z]*|[A-Za-z]+[0-9]+[A-Za-z]+[0-9A-Za-z]*', '<id>', 'g'
                    ),
                    '[0-9]+', '<n>', 'g'
                ),
                '[ \t\r\n]+', ' ', 'g'
            ),
            300
        ) as pattern
    from without_hexes
)
select
    day,
    pattern,
    schedule_id,
    sum(error_count)::bigint as error_count,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    left(min(error_message collate "C"), 500) as sample_message
from patterns
group by 1, 2, 3
