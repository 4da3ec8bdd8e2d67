/*
description: A new user acted on the day, and not on the day before it.
*/
with
-- What users did.
activity as (
    select day, user_id, min(first_at) as first_at
    from services.user_activity_daily
    where day >= :start::date - 1 and day < :end::date
    group by 1, 2
),
-- New users.
newcomers as (
    select day, user_id, first_seen_at
    from services.new_users_daily
    where day >= :start::date and day < :end::date
)
select newcomers.day, newcomers.user_id, newcomers.first_seen_at, present.first_at, before.day as day_before
from newcomers
left join activity as present on present.day = newcomers.day and present.user_id = newcomers.user_id
left join activity as before on before.day = newcomers.day - 1 and before.user_id = newcomers.user_id
where present.first_at is distinct from newcomers.first_seen_at or before.day is not null
