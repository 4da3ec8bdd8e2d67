/*
description: Each business metric of a day is there, with all its samples.
*/
with
-- What the table says.
told as (
    select day, tenant_id, name, unit, sum(sample_count) as sample_count
    from platform.business_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4
),
-- What the series say.
metrics as (
    select day, tenant_id, name, unit, sum(sample_count) as sample_count
    from platform.metric_1h
    where day >= :start::date and day < :end::date and category = 'business'
    group by 1, 2, 3, 4
)
select day, tenant_id, name, unit, told.sample_count, metrics.sample_count as count_of_samples
from told
full join metrics using (day, tenant_id, name, unit)
where told.sample_count is distinct from metrics.sample_count
