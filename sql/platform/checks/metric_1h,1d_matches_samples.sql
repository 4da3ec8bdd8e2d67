/*
description: Samples of each tenant, metric, type, unit and day are in its series, with the same bounds and sums.
*/
with
-- What the table says.
told as (
    select
        day, tenant_id, name, type, unit,
        sum(sample_count) as sample_count,
        min(min_value) as min_value,
        max(max_value) as max_value,
        sum(cast(sum_value as decimal(38, 6)))::double precision as sum_value
    from platform.metric_:grain
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5
),
-- What the samples say.
samples as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        coalesce(tenant_id, '') as tenant_id, name, type,
        coalesce(unit, '') as unit,
        count(*) as sample_count,
        min(value) as min_value,
        max(value) as max_value,
        sum(cast(value as decimal(38, 6)))::double precision as sum_value
    from platform.metric_samples
    where recorded_at >= :start and recorded_at < :end
    group by 1, 2, 3, 4, 5
)
select
    day, tenant_id, name, type, unit,
    told.sample_count, samples.sample_count as count_of_samples,
    told.min_value, samples.min_value as lowest_sample,
    told.max_value, samples.max_value as highest_sample,
    told.sum_value, samples.sum_value as sum_of_samples
from told
full join samples using (day, tenant_id, name, type, unit)
where told.sample_count is distinct from samples.sample_count
   or told.min_value is distinct from samples.min_value
   or told.max_value is distinct from samples.max_value
   -- Each sum of a series is rounded to a double.
   or abs(told.sum_value - samples.sum_value) > 0.001 + abs(samples.sum_value) / 1000000000
