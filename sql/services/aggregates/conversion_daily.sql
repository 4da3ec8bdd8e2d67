/*
description: >-
  How many sessions of each UTC day went from one action to another, which are settings. Sessions belong to the day of their
  first action and are followed up to its end, as in engagement_daily.
key: [day]
columns:
  day: UTC calendar day on which the sessions began.
  session_count: Sessions that began on the day.
  started_count: Those in which the first of the two actions succeeded.
  converted_count: Those of them in which the second one succeeded at the same time or later.
  start_ratio: Share of the sessions with the first action; NULL without sessions.
  conversion_ratio: Share of the sessions with the first action that reached the second; NULL when there are none.
checks:
  - expect_column_values_to_be_between: {column: conversion_ratio, min_value: 0, max_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: session_count, column_B: started_count, or_equal: true}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: started_count, column_B: converted_count, or_equal: true}
*/
with
-- Sessions with a row on the day before were under way when the day began.
parts as (
    select
        day, user_id, session_id, conversion_start_at, conversion_goal_at,
        lag(day) over (partition by user_id, session_id order by day) as previous_day
    from services.user_activity_daily
    where day >= :start::date - 1 and day < :end::date
),
-- The days of the window that have events.
days as (
    select
        day,
        count(case when is_begun then 1 end) as session_count,
        count(case when is_begun then conversion_start_at end) as started_count,
        count(case when is_begun and conversion_goal_at >= conversion_start_at then 1 end) as converted_count
    from (
        select
            day, conversion_start_at, conversion_goal_at,
            session_id <> '' and (previous_day is null or previous_day < day - 1) as is_begun
        from parts
        where day >= :start::date
    ) as found
    group by 1
)
select
    day,
    session_count,
    started_count,
    converted_count,
    started_count::double precision / nullif(session_count, 0) as start_ratio,
    converted_count::double precision / nullif(started_count, 0) as conversion_ratio
from days
