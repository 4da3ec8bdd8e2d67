/*
description: The 15 services with the most failed operations in the period.
columns:
  service: Service that asked.
  error_count: Operations in the period that failed.
  operation_count: Operations in the period.
  error_ratio: Share of them that failed.
  previous_error_ratio: Share of the operations of the period before that failed; NULL when there were none.
  worst_schema_name: The schema with the most of these failures, its id as text; of several, the first by id.
*/
with
-- Both periods of each service and schema.
uses as (
    select
        service, schema_id,
        coalesce(sum(operation_count) filter (where day >= :start::date), 0)::bigint as operation_count,
        coalesce(sum(error_count) filter (where day >= :start::date), 0)::bigint as error_count,
        coalesce(sum(operation_count) filter (where day < :start::date), 0)::bigint as previous_operation_count,
        coalesce(sum(error_count) filter (where day < :start::date), 0)::bigint as previous_error_count
    from usage.service_usage_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- The schemas of each service by failures.
ranked as (
    select
        service, schema_id, operation_count, error_count, previous_operation_count, previous_error_count,
        row_number() over (partition by service order by error_count desc, schema_id) as rank
    from uses
)
select
    service,
    sum(error_count)::bigint as error_count,
    sum(operation_count)::bigint as operation_count,
    sum(error_count)::double precision / sum(operation_count) as error_ratio,
    sum(previous_error_count)::double precision / nullif(sum(previous_operation_count), 0) as previous_error_ratio,
    max(case when rank = 1 then schema_id::text end) as worst_schema_name
from ranked
group by 1
having sum(error_count) > 0
order by 2 desc, service collate "C"
limit 15
