/*
description: Attempts of all tiers and of each.
unit: count
entity: tier
absent: zero
forecast: whole
*/
select
    day, case when tier = 'all' then '' else tier end as entity, attempt_count as value, attempt_count as weight
from schedules.system_health_daily
where day >= :start::date and day < :end::date
