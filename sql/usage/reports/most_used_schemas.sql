/*
description: The 20 schemas with the most operations in the period, beside the period before.
columns:
  rank: Position, 1 for the most operations; ties in the order of their ids.
  schema_name: The schema's id as text.
  operation_count: Operations in the period.
  previous_operation_count: Operations in the period before.
  growth_ratio: Growth against the period before; NULL when there were none.
  error_ratio: Share of the operations of the period that failed.
  services_active: Distinct services that asked for it in the period.
*/
with
-- Both periods of each schema.
schemas as (
    select
        schema_id,
        coalesce(sum(operation_count) filter (where day >= :start::date), 0)::bigint as operation_count,
        coalesce(sum(error_count) filter (where day >= :start::date), 0)::bigint as error_count,
        coalesce(sum(operation_count) filter (where day < :start::date), 0)::bigint as previous_operation_count,
        count(distinct service) filter (where day >= :start::date) as services_active
    from usage.service_usage_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- The position among all of them, so that cutting the list cannot change it.
ranked as (
    select
        row_number() over (order by operation_count desc, schema_id) as rank,
        schema_id, operation_count, error_count, previous_operation_count, services_active
    from schemas
    where operation_count > 0
)
select
    rank,
    schema_id::text as schema_name,
    operation_count,
    previous_operation_count,
    operation_count::double precision / nullif(previous_operation_count, 0) - 1 as growth_ratio,
    error_count::double precision / operation_count as error_ratio,
    services_active
from ranked
where rank <= 20
order by rank
