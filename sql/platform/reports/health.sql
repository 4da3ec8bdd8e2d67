/*
description: The 30 unhealthiest services, of tenants and of the platform itself, as of the newest day of each in the period.
columns:
  tenant_id: Tenant; empty for the platform itself.
  service_id: Service; empty for gauges that name none.
  day: Its newest day with gauges in the period.
  status: healthy, degraded or critical on that day.
  reason: Why it was not healthy; NULL when it was.
  degraded_day_count: Days of the period on which it was degraded.
  critical_day_count: Days of the period on which it was critical.
  critical_hour_count: Hours of the period in which a gauge reached its critical limit.
*/
with
-- The days of each service, the newest first.
days as (
    select
        tenant_id, service_id, day, status, reason,
        row_number() over (partition by tenant_id, service_id order by day desc) as place,
        count(case when status = 'degraded' then 1 end) over (partition by tenant_id, service_id) as degraded_day_count,
        count(case when status = 'critical' then 1 end) over (partition by tenant_id, service_id) as critical_day_count,
        sum(critical_hour_count) over (partition by tenant_id, service_id) as critical_hour_count
    from platform.system_health_daily
    where day >= :start::date and day < :end::date
),
-- The unhealthiest first.
ranked as (
    select
        tenant_id, service_id, day, status, reason, degraded_day_count, critical_day_count, critical_hour_count,
        row_number() over (
            order by
                case status when 'critical' then 1 when 'degraded' then 2 else 3 end,
                critical_hour_count desc, degraded_day_count desc, tenant_id collate "C", service_id collate "C"
        ) as rank
    from days
    where place = 1
)
select
    tenant_id,
    service_id,
    day,
    status,
    reason,
    degraded_day_count,
    critical_day_count,
    critical_hour_count::bigint as critical_hour_count
from ranked
where rank <= 30
order by rank
