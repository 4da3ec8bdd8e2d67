/*
description: Each day with events of the window, oldest first; a day without a row is a gap, not a zero.
columns:
  day: UTC calendar day.
  event_count: Operations that services carried out.
  error_count: Those that failed.
  error_ratio: Share of them that failed; NULL without any.
  avg_latency_ms: Mean of their known durations in milliseconds; NULL when none is known.
  unhealthy_count: Services that were degraded or critical.
  active_users: Distinct users.
  session_count: Sessions that began on the day.
  conversion_ratio: Share of the sessions with the first action of a conversion that reached its goal; NULL without any.
*/
with
-- Operations of all services.
operations as (
    select
        day,
        sum(event_count)::bigint as event_count,
        sum(error_count)::bigint as error_count,
        sum(total_latency_ms)::double precision / nullif(sum(timed_count), 0) as avg_latency_ms
    from services.service_stats_1d
    where day >= :start::date and day < :end::date
    group by 1
),
-- Services by their state.
health as (
    select day, count(*) filter (where status in ('degraded', 'critical')) as unhealthy_count
    from services.health_daily
    where day >= :start::date and day < :end::date
    group by 1
),
-- Users and sessions.
users as (
    select day, active_users_1d as active_users, session_count
    from services.engagement_daily
    where day >= :start::date and day < :end::date
),
-- Conversions.
conversions as (
    select day, conversion_ratio
    from services.conversion_daily
    where day >= :start::date and day < :end::date
)
select
    day,
    coalesce(event_count, 0)::bigint as event_count,
    coalesce(error_count, 0)::bigint as error_count,
    error_count::double precision / event_count as error_ratio,
    avg_latency_ms,
    coalesce(unhealthy_count, 0)::bigint as unhealthy_count,
    coalesce(active_users, 0)::bigint as active_users,
    coalesce(session_count, 0)::bigint as session_count,
    conversion_ratio
from operations
full join users using (day)
left join health using (day)
left join conversions using (day)
order by day
