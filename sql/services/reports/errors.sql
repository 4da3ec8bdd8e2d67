/*
description: The 20 most frequent errors of all services in the period, beside the period before.
columns:
  service_id: Service that failed.
  error_type: Kind of the error; empty when the events do not say it.
  error_count: Events of the period that failed so.
  previous_error_count: Events of the period before that failed so.
  error_share_ratio: Share of all errors of the period.
  worst_operation: The operation that failed so most often in the period; of several, the first by name.
  last_seen_at: When the last of the period occurred.
*/
with
-- Both periods of each operation, the worst one of an error first.
operations as (
    select
        service_id, error_type, operation,
        coalesce(sum(error_count) filter (where day >= :start::date), 0) as error_count,
        coalesce(sum(error_count) filter (where day < :start::date), 0) as previous_error_count,
        max(last_seen_at) as last_seen_at,
        row_number() over (
            partition by service_id, error_type
            order by coalesce(sum(error_count) filter (where day >= :start::date), 0) desc, operation collate "C"
        ) as place
    from services.error_types_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2, 3
),
-- All operations of a service together.
errors as (
    select
        service_id, error_type,
        sum(error_count)::bigint as error_count,
        sum(previous_error_count)::bigint as previous_error_count,
        max(case when place = 1 then operation end) as worst_operation,
        max(last_seen_at) as last_seen_at
    from operations
    group by 1, 2
)
select
    service_id,
    error_type,
    error_count,
    previous_error_count,
    (error_count / sum(error_count) over ())::double precision as error_share_ratio,
    worst_operation,
    last_seen_at
from errors
where error_count > 0
order by error_count desc, service_id collate "C", error_type collate "C"
limit 20
