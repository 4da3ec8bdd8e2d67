/*
description: The 10 most frequent errors of each service per UTC day.
key: [day, service_id, rank]
columns:
  day: UTC calendar day of the errors.
  service_id: Service that failed.
  rank: Position, 1 for the most frequent; ties in the order of the error types.
  error_type: Kind of the error; empty when the events do not say it.
  error_count: Events that failed so, in all operations of the service.
  error_share_ratio: Share of the service's errors of the day.
  worst_operation: The operation that failed so most often; of several, the first by name.
  first_seen_at: When the first of the day occurred.
  last_seen_at: When the last of the day occurred.
checks:
  - expect_column_values_to_be_between: {column: rank, min_value: 1, max_value: 10}
  - expect_column_values_to_be_between: {column: error_count, min_value: 1}
  - expect_column_values_to_be_between: {column: error_share_ratio, min_value: 0, strict_min: true, max_value: 1}
*/
with
-- Errors of each operation, the most frequent first.
operations as (
    select
        day, service_id, operation, error_type, error_count, first_seen_at, last_seen_at,
        row_number() over (
            partition by day, service_id, error_type order by error_count desc, operation collate "C"
        ) as place
    from services.error_types_daily
    where day >= :start::date and day < :end::date
),
-- All operations of a service together.
errors as (
    select
        day, service_id, error_type,
        sum(error_count)::bigint as error_count,
        max(case when place = 1 then operation end collate "C") as worst_operation,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from operations
    group by 1, 2, 3
),
-- The position among all errors of the service, and how many these are.
ranked as (
    select
        day, service_id, error_type, error_count, worst_operation, first_seen_at, last_seen_at,
        row_number() over (partition by day, service_id order by error_count desc, error_type collate "C") as rank,
        sum(error_count) over (partition by day, service_id) as service_error_count
    from errors
)
select
    day,
    service_id,
    rank,
    error_type,
    error_count,
    error_count::double precision / service_error_count as error_share_ratio,
    worst_operation,
    first_seen_at,
    last_seen_at
from ranked
where rank <= 10
