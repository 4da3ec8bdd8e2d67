/*
description: Revenue of each tenant, in each currency; amounts in two currencies are two series.
unit: count
entity: currency
absent: zero
*/
select day, nullif(tenant_id, '') as tenant_id, unit as entity, sum(total_value) as value, sum(sample_count) as weight
from platform.business_daily
where day >= :start::date and day < :end::date and name = 'revenue' and total_value is not null
group by 1, 2, 3
