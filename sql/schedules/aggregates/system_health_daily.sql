/*
description: Whether each tier, and the three together, worked per UTC day.
key: [day, tier]
columns:
  day: UTC calendar day the attempts were recorded on.
  tier: mongo, clickhouse or redis; all for these three together; other for what passes no tiers.
  attempt_count: Attempts.
  ended_count: Attempts that ended in success, failure or timeout.
  failed_count: Those of them that failed or took too long.
  failure_ratio: Share of failed ones among those that ended; NULL when none did.
  status: ok below 1 % of failures, degraded below 5 %, down from 5 % on; unknown when no attempt ended.
checks:
  - expect_column_values_to_be_in_set: {column: status, value_set: [ok, degraded, down, unknown]}
  - expect_column_values_to_be_in_set: {column: tier, value_set: [mongo, clickhouse, redis, all, other]}
  - expect_column_values_to_be_between: {column: failure_ratio, min_value: 0, max_value: 1}
*/
with
-- Kinds of work put together.
tiers as (
    select
        day,
        schedule_type as tier,
        sum(attempt_count)::bigint as attempt_count,
        sum(success_count + failure_count + timeout_count)::bigint as ended_count,
        sum(failure_count + timeout_count)::bigint as failed_count
    from schedules.schedule_stats_daily
    where day >= :start::date and day < :end::date
    group by 1, 2
),
-- The three tiers together, beside each of them.
systems as (
    select day, tier, attempt_count, ended_count, failed_count
    from tiers
    union all
    select day, 'all' as tier, sum(attempt_count)::bigint, sum(ended_count)::bigint, sum(failed_count)::bigint
    from tiers
    where tier <> 'other'
    group by 1
)
select
    day,
    tier,
    attempt_count,
    ended_count,
    failed_count,
    failed_count::double precision / nullif(ended_count, 0) as failure_ratio,
    case
        when ended_count = 0 then 'unknown'
        when failed_count * 100 < ended_count then 'ok'
        when failed_count * 20 < ended_count then 'degraded'
        else 'down'
    end as status
from systems
