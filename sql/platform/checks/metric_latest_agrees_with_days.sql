/*
description: The view has each series of the newest day, with the newest value of that day.
*/
with
-- The newest day.
newest as (
    select max(day) as day from platform.metric_1d
),
-- What its series ended with.
days as (
    select tenant_id, name, category, type, unit, labels, last_value, last_at, sample_count
    from platform.metric_1d
    where day = (select day from newest)
)
select
    days.tenant_id, days.name, days.unit,
    days.last_value, told.value,
    days.last_at, told.recorded_at,
    days.sample_count, told.sample_count as told_count
from days
left join platform.metric_latest as told
    on told.tenant_id = days.tenant_id and told.name = days.name and told.category = days.category
        and told.type = days.type and told.unit = days.unit and told.labels = days.labels
where told.value is distinct from days.last_value
   or told.recorded_at is distinct from days.last_at
   or told.sample_count is distinct from days.sample_count
