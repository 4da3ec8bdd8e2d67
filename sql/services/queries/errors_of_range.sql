/*
description: Errors of services in a range of days, the most frequent first.
parameters:
  service_id: Service; empty for all.
  is_first_page: Whether there is no page before; the parameters `after_…` are then ignored.
  after_rank: "`rank` of the last row of the page before."
columns:
  rank: Position, 1 for the most frequent; ties in the order of service, operation and type.
  service_id: Service that failed.
  operation: What was to be done.
  error_type: Kind of the error; empty when the events do not say it.
  error_count: Events that failed so.
  first_seen_at: When the first of them occurred.
  last_seen_at: When the last of them occurred.
*/
with
-- Days put together.
errors as (
    select
        service_id, operation, error_type,
        sum(error_count)::bigint as error_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from services.error_types_daily
    where day >= :start::date and day < :end::date and (:service_id = '' or service_id = :service_id)
    group by 1, 2, 3
),
-- The position among all of them, before a page is cut out.
ranked as (
    select
        row_number() over (
            order by error_count desc, service_id collate "C", operation collate "C", error_type collate "C"
        ) as rank,
        service_id, operation, error_type, error_count, first_seen_at, last_seen_at
    from errors
)
select rank, service_id, operation, error_type, error_count, first_seen_at, last_seen_at
from ranked
where :is_first_page or rank > :after_rank
order by rank
limit :limit
