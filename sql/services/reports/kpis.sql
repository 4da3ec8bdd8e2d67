/*
description: The services in numbers, one row for the period and one for the one before; no row where nothing happened.
columns:
  period: current or previous.
  day_count: Days with events.
  event_count: Operations that services carried out.
  error_ratio: Share of them that failed; NULL without any.
  avg_latency_ms: Mean of their known durations in milliseconds; NULL when none is known.
  unhealthy_count: Services that were degraded or critical on the newest day with operations.
  active_users: >-
    Distinct users of as many days as the period has, 1 or 7, up to its newest day with actions; of 30 days for a month.
  conversion_ratio: Share of the sessions with the first action of a conversion that reached its goal; NULL without any.
*/
with
-- Operations of all services by day.
operations as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        day,
        sum(event_count) as event_count,
        sum(error_count) as error_count,
        sum(total_latency_ms) as total_latency_ms,
        sum(timed_count) as timed_count
    from services.service_stats_1d
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1, 2
),
-- Services by their state on each day.
health as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        day,
        count(*) filter (where status in ('degraded', 'critical')) as unhealthy_count,
        row_number() over (partition by day >= :start::date order by day desc) as place
    from services.health_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by day
),
-- Users up to each day.
users as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        day,
        case :end::date - :start::date
            when 1 then active_users_1d
            when 7 then active_users_7d
            else active_users_30d
        end as active_users,
        row_number() over (partition by day >= :start::date order by day desc) as place
    from services.engagement_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
),
-- Conversions of each day.
conversions as (
    select
        case when day >= :start::date then 'current' else 'previous' end as period,
        sum(started_count) as started_count,
        sum(converted_count) as converted_count
    from services.conversion_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
),
-- Days with operations or actions.
days as (
    select period, count(*) as day_count
    from (select period, day from operations union select period, day from users) as seen
    group by 1
),
-- All days of a period.
totals as (
    select
        period,
        sum(event_count)::bigint as event_count,
        sum(error_count) as error_count,
        sum(total_latency_ms) as total_latency_ms,
        sum(timed_count) as timed_count
    from operations
    group by 1
)
select
    days.period,
    day_count,
    coalesce(event_count, 0)::bigint as event_count,
    error_count::double precision / event_count as error_ratio,
    total_latency_ms::double precision / nullif(timed_count, 0) as avg_latency_ms,
    coalesce(unhealthy_count, 0)::bigint as unhealthy_count,
    coalesce(active_users, 0)::bigint as active_users,
    converted_count::double precision / nullif(started_count, 0) as conversion_ratio
from days
left join totals on totals.period = days.period
left join health on health.period = days.period and health.place = 1
left join users on users.period = days.period and users.place = 1
left join conversions on conversions.period = days.period
order by days.period
