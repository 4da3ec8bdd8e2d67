/*
description: Whether each tier, and all three together, worked, day by day.
parameters:
  tier: Tier; empty for all.
columns:
  day: UTC calendar day the attempts were recorded on.
  tier: mongo, clickhouse or redis; all for these three together; other for what passes no tiers.
  status: ok below 1 % of failures, degraded below 5 %, down from 5 % on; unknown when no attempt ended.
  attempt_count: Attempts.
  ended_count: Attempts that ended in success, failure or timeout.
  failed_count: Those of them that failed or took too long.
  failure_ratio: Share of failed ones among those that ended; NULL when none did.
*/
select day, tier, status, attempt_count, ended_count, failed_count, failure_ratio
from schedules.system_health_daily
where day >= :start::date and day < :end::date and (:tier = '' or tier = :tier)
order by day, case tier when 'all' then 1 when 'mongo' then 2 when 'clickhouse' then 3 when 'redis' then 4 else 5 end
