/*
description: Distinct users of the day (DAU).
unit: count
absent: zero
forecast: whole
*/
select day, ''::text as entity, active_users_1d as value, event_count as weight
from services.engagement_daily
where day >= :start::date and day < :end::date
