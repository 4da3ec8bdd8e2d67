/*
description: Distinct users of the day.
unit: count
absent: zero
*/
select day, ''::text as entity, active_users_1d as value, active_users_1d as weight
from registry.overview_daily
where day >= :start::date and day < :end::date
