/*
description: The errors of each service, operation and day, added up over their types, are those of the operation.
*/
with
-- Types added up.
types as (
    select day, service_id, operation, sum(error_count) as error_count
    from services.error_types_daily
    where day >= :start::date and day < :end::date
    group by 1, 2, 3
),
-- Operations with errors.
operations as (
    select day, service_id, operation, error_count
    from services.operation_stats_daily
    where day >= :start::date and day < :end::date and error_count > 0
)
select day, service_id, operation, types.error_count, operations.error_count as errors_of_operation
from types
full join operations using (day, service_id, operation)
where types.error_count is distinct from operations.error_count
