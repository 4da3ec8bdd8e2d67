/*
description: The hours of each tenant, metric, type, unit and day have its samples, and its increases and resets added up.
*/
with
-- What the table says.
told as (
    select
        day, tenant_id, name, type, unit,
        sum(sample_count) as sample_count,
        sum(cast(increase as decimal(38, 6)))::double precision as increase,
        sum(reset_count) as reset_count
    from platform.metric_1d
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
),
-- Hours added up.
hours as (
    select
        day, tenant_id, name, type, unit,
        sum(sample_count) as sample_count,
        sum(cast(increase as decimal(38, 6)))::double precision as increase,
        sum(reset_count) as reset_count
    from platform.metric_1h
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
)
select
    day, tenant_id, name, type, unit,
    told.sample_count, hours.sample_count as samples_of_hours,
    told.increase, hours.increase as increase_of_hours,
    told.reset_count, hours.reset_count as resets_of_hours
from told
full join hours using (day, tenant_id, name, type, unit)
where told.sample_count is distinct from hours.sample_count
   or told.reset_count is distinct from hours.reset_count
   or (told.increase is null) <> (hours.increase is null)
   -- Each increase is rounded to a double.
   or abs(told.increase - hours.increase) > 0.001 + abs(hours.increase) / 1000000000
