/*
description: Users seen on a UTC day. The active users of any period are counted from these rows.
key: [day, user_id]
columns:
  day: UTC calendar day of the events.
  user_id: User or service account.
  event_count: Events of the user, of any kind.
checks:
  - expect_column_values_to_be_between: {column: event_count, min_value: 1}
*/
select
    day,
    user_id,
    sum(view_count + download_count + failed_download_count + compilation_count)::bigint as event_count
from registry.module_activity_daily
where day >= :start::date and day < :end::date and user_id <> ''
group by 1, 2
