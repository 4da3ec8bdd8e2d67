/*
description: Each service as of its newest day in the period, the unhealthiest first.
columns:
  service_id: Service.
  day: Its newest day with operations in the period.
  status: healthy, degraded or critical on that day; unknown when it had too few events.
  reason: Why it was not healthy; NULL when it was.
  degraded_day_count: Days of the period on which it was degraded.
  critical_day_count: Days of the period on which it was critical.
  critical_hour_count: Hours of the period that reached a critical limit.
*/
with
-- The days of each service, the newest first.
days as (
    select
        service_id, day, status, reason,
        row_number() over (partition by service_id order by day desc) as place,
        count(case when status = 'degraded' then 1 end) over (partition by service_id) as degraded_day_count,
        count(case when status = 'critical' then 1 end) over (partition by service_id) as critical_day_count,
        sum(critical_hour_count) over (partition by service_id) as critical_hour_count
    from services.health_daily
    where day >= :start::date and day < :end::date
)
select
    service_id,
    day,
    status,
    reason,
    degraded_day_count,
    critical_day_count,
    critical_hour_count::bigint as critical_hour_count
from days
where place = 1
order by
    case status when 'critical' then 1 when 'degraded' then 2 when 'unknown' then 3 else 4 end,
    critical_day_count desc, degraded_day_count desc, service_id collate "C"
