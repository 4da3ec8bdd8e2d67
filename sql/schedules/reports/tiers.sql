/*
description: How well each tier worked in the period, in the order an execution passes them.
columns:
  tier: mongo, clickhouse or redis; other for what passes no tiers.
  attempt_count: Attempts.
  ended_count: Attempts that ended in success, failure or timeout.
  failed_count: Those of them that failed or took too long.
  success_rate: Share of successes among those that ended; NULL without any.
  previous_success_rate: The same in the period before.
  bad_day_count: Days of the period on which the tier was degraded or down.
*/
with
-- Both periods side by side.
tiers as (
    select
        tier,
        coalesce(sum(attempt_count) filter (where day >= :start::date), 0)::bigint as attempt_count,
        coalesce(sum(ended_count) filter (where day >= :start::date), 0)::bigint as ended_count,
        coalesce(sum(failed_count) filter (where day >= :start::date), 0)::bigint as failed_count,
        sum(ended_count) filter (where day < :start::date) as previous_ended_count,
        sum(failed_count) filter (where day < :start::date) as previous_failed_count,
        count(*) filter (where day >= :start::date and status in ('degraded', 'down')) as bad_day_count
    from schedules.system_health_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date) and tier <> 'all'
    group by 1
)
select
    tier,
    attempt_count,
    ended_count,
    failed_count,
    (ended_count - failed_count)::double precision / nullif(ended_count, 0) as success_rate,
    (previous_ended_count - previous_failed_count)::double precision
        / nullif(previous_ended_count, 0) as previous_success_rate,
    bad_day_count
from tiers
where attempt_count > 0
order by case tier when 'mongo' then 1 when 'clickhouse' then 2 when 'redis' then 3 else 4 end
