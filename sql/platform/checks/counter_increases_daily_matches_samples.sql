/*
description: >-
  Each cumulative counter of a day is there; without a reset it grew by at least what lies between the day's lowest and
  highest sample.
*/
with
-- What the table says.
told as (
    select
        day, tenant_id, name, category, unit, labels,
        sum(cast(increase as decimal(38, 6)))::double precision as increase,
        sum(reset_count) as reset_count
    from platform.counter_increases_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3, 4, 5, 6
),
-- What the samples say.
samples as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        coalesce(tenant_id, '') as tenant_id, name, category,
        coalesce(unit, '') as unit, labels,
        max(value) - min(value) as least_increase
    from platform.metric_samples
    where recorded_at >= :start and recorded_at < :end
      and type = 'counter' and labels ->> 'temporality' = 'cumulative'
    group by 1, 2, 3, 4, 5, 6
)
select
    coalesce(told.day, samples.day) as day,
    coalesce(told.tenant_id, samples.tenant_id) as tenant_id,
    coalesce(told.name, samples.name) as name,
    coalesce(told.unit, samples.unit) as unit,
    told.increase, told.reset_count, samples.least_increase
from told
full join samples
    on samples.day = told.day and samples.tenant_id = told.tenant_id and samples.name = told.name
        and samples.category = told.category and samples.unit = told.unit and samples.labels = told.labels
where told.increase is null or samples.least_increase is null
   -- Values count to their millionth, and sums of hours are rounded to doubles.
   or told.reset_count = 0 and told.increase < samples.least_increase - 0.001 - samples.least_increase / 1000000000
