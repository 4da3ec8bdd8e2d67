/*
description: The listed errors of each service and day are those of its operations, or a part of them where the list is full.
*/
with
-- Listed errors added up.
told as (
    select day, service_id, count(*) as listed_count, sum(error_count) as error_count
    from services.top_errors_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- Services with errors.
operations as (
    select day, service_id, sum(error_count) as error_count
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date and error_count > 0
    group by 1, 2
)
select day, service_id, told.listed_count, told.error_count, operations.error_count as errors_of_operations
from told
full join operations using (day, service_id)
where told.error_count is null
   or operations.error_count is null
   or told.error_count > operations.error_count
   or (told.listed_count < 10 and told.error_count < operations.error_count)
