/*
description: >-
  Whether each tier, and the three together, worked in the period: ok below 1 % of failures, degraded below 5 %, down from
  5 % on, of all attempts of the period that ended.
columns:
  tier: all for the three tiers together, then mongo, clickhouse and redis; other for what passes no tiers.
  status: ok, degraded or down; unknown when no attempt ended.
  attempt_count: Attempts.
  ended_count: Attempts that ended in success, failure or timeout.
  failed_count: Those of them that failed or took too long.
  failure_ratio: Share of failed ones among those that ended; NULL when none did.
  previous_failure_ratio: The same in the period before.
  ok_day_count: Days of the period on which it was ok.
  degraded_day_count: Days of the period on which it was degraded.
  down_day_count: Days of the period on which it was down.
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
        count(*) filter (where day >= :start::date and status = 'ok') as ok_day_count,
        count(*) filter (where day >= :start::date and status = 'degraded') as degraded_day_count,
        count(*) filter (where day >= :start::date and status = 'down') as down_day_count
    from schedules.system_health_daily
    where (day >= :previous_start::date and day < :previous_end::date or day >= :start::date and day < :end::date)
    group by 1
)
select
    tier,
    case
        when ended_count = 0 then 'unknown'
        when failed_count * 100 < ended_count then 'ok'
        when failed_count * 20 < ended_count then 'degraded'
        else 'down'
    end as status,
    attempt_count,
    ended_count,
    failed_count,
    failed_count::double precision / nullif(ended_count, 0) as failure_ratio,
    previous_failed_count::double precision / nullif(previous_ended_count, 0) as previous_failure_ratio,
    ok_day_count,
    degraded_day_count,
    down_day_count
from tiers
where attempt_count > 0
order by case tier when 'all' then 1 when 'mongo' then 2 when 'clickhouse' then 3 when 'redis' then 4 else 5 end
