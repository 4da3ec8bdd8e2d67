/*
description: >-
  The 3 users of each service with the most events in the period, counted on the days on which they were among its 20 most
  active ones. The report shows a pseudonym in place of each user, the same in all services, reports and answers.
columns:
  service_id: Service.
  rank: Position in the service, 1 for the most events; ties in the order of the users.
  user_id: User; the report has its pseudonym, as user_hash.
  event_count: Events of the user on these days.
  top_day_count: How many days these are.
*/
with
-- Each user of each service.
users as (
    select
        service_id,
        user_id,
        sum(event_count)::bigint as event_count,
        count(*) as top_day_count
    from services.top_users_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The position in the service.
ranked as (
    select
        service_id, user_id, event_count, top_day_count,
        row_number() over (partition by service_id order by event_count desc, user_id collate "C") as rank
    from users
)
select
    service_id,
    rank,
    user_id,
    event_count,
    top_day_count
from ranked
where rank <= 3
order by service_id collate "C", rank
