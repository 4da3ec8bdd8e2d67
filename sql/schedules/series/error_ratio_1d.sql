/*
description: Share of failures among the attempts that ended, of all tiers and of each; fewer than 20 of them say nothing.
unit: ratio
entity: tier
bad: up
*/
select day, case when tier = 'all' then '' else tier end as entity, failure_ratio as value, ended_count as weight
from schedules.system_health_daily
where day >= :start::date and day < :end::date and ended_count >= 20
