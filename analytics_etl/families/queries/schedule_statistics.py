"""Statistics of schedule executions per hour, and of a range of days as a whole; those of days are in `schedules`."""

from dataclasses import replace
from datetime import date, datetime

from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.coverage import ask_days, coverage_of_days, coverage_of_moments
from analytics_etl.families.queries.cursor import text_of, utc
from analytics_etl.families.queries.schedules import EVENTS, STATISTICS, check_tier
from analytics_etl.postgres.database import Database

_OF_HOURS = """
with hours as (
    select
        date_trunc('hour', recorded_at at time zone 'UTC') at time zone 'UTC' as bucket,
        schedule_type,
        event_type,
        count(distinct execution_id) as execution_count,
        count(*) as attempt_count,
        count(*) filter (where result = 'success') as success_count,
        count(*) filter (where result = 'failure') as failure_count,
        count(*) filter (where result = 'timeout') as timeout_count,
        count(*) filter (where result = 'retry') as retried_count,
        count(*) filter (where result = 'skipped') as skipped_count,
        count(*) filter (where result = 'cancelled') as cancelled_count,
        sum(queue_time_ms)::double precision / nullif(count(queue_time_ms), 0) as avg_queue_time_ms,
        (percentile_cont(0.50) within group (order by queue_time_ms))::double precision as p50_queue_time_ms,
        (percentile_cont(0.95) within group (order by queue_time_ms))::double precision as p95_queue_time_ms,
        (percentile_cont(0.99) within group (order by queue_time_ms))::double precision as p99_queue_time_ms,
        sum(processing_time_ms)::double precision / nullif(count(processing_time_ms), 0) as avg_processing_time_ms,
        (percentile_cont(0.50) within group (order by processing_time_ms))::double precision as p50_processing_time_ms,
        (percentile_cont(0.95) within group (order by processing_time_ms))::double precision as p95_processing_time_ms,
        (percentile_cont(0.99) within group (order by processing_time_ms))::double precision as p99_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :since and recorded_at < :until and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2, 3
)
select
    bucket, schedule_type, event_type, execution_count, attempt_count, success_count, failure_count, timeout_count,
    retried_count, skipped_count, cancelled_count,
    success_count::double precision / nullif(success_count + failure_count + timeout_count, 0) as success_rate,
    avg_queue_time_ms, p50_queue_time_ms, p95_queue_time_ms, p99_queue_time_ms, avg_processing_time_ms,
    p50_processing_time_ms, p95_processing_time_ms, p99_processing_time_ms,
    attempt_count::double precision as throughput_per_hour
from hours
order by bucket, schedule_type collate "C", event_type collate "C"
"""
_OF_RANGE = """
with
-- What adds up over days, which is also there of days whose records are archived.
days as (
    select
        schedule_type,
        event_type,
        sum(attempt_count)::bigint as attempt_count,
        sum(success_count)::bigint as success_count,
        sum(failure_count)::bigint as failure_count,
        sum(timeout_count)::bigint as timeout_count,
        sum(retried_count)::bigint as retried_count,
        sum(skipped_count)::bigint as skipped_count,
        sum(cancelled_count)::bigint as cancelled_count,
        sum(total_queue_time_ms)::double precision / nullif(sum(queue_timed_count), 0) as avg_queue_time_ms,
        sum(total_processing_time_ms)::double precision
            / nullif(sum(processing_timed_count), 0) as avg_processing_time_ms,
        max(p95_queue_time_ms) as highest_daily_p95_queue_time_ms,
        max(p95_processing_time_ms) as highest_daily_p95_processing_time_ms
    from schedules.schedule_stats_daily
    where day >= :start::date and day < :end::date and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2
),
-- What does not, from the records themselves.
events as (
    select
        schedule_type,
        event_type,
        count(distinct execution_id) as execution_count,
        count(*) as attempt_count,
        (percentile_cont(0.50) within group (order by queue_time_ms))::double precision as p50_queue_time_ms,
        (percentile_cont(0.95) within group (order by queue_time_ms))::double precision as p95_queue_time_ms,
        (percentile_cont(0.99) within group (order by queue_time_ms))::double precision as p99_queue_time_ms,
        (percentile_cont(0.50) within group (order by processing_time_ms))::double precision as p50_processing_time_ms,
        (percentile_cont(0.95) within group (order by processing_time_ms))::double precision as p95_processing_time_ms,
        (percentile_cont(0.99) within group (order by processing_time_ms))::double precision as p99_processing_time_ms
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and (:schedule_type = '' or schedule_type = :schedule_type)
    group by 1, 2
),
-- The hours in which something could have been recorded.
loaded as (
    select 24 * count(*) as hour_count
    from ops.partitions
    where table_name = 'schedules.schedule_stats_daily' and period_start >= :start::date and period_start < :end::date
)
-- Records that are fewer than the attempts are not all, so that they tell nothing of the range.
select
    :start::date as first_day, :end::date - 1 as last_day, days.schedule_type, days.event_type,
    events.execution_count, days.attempt_count, days.success_count, days.failure_count, days.timeout_count,
    days.retried_count, days.skipped_count, days.cancelled_count,
    days.success_count::double precision
        / nullif(days.success_count + days.failure_count + days.timeout_count, 0) as success_rate,
    days.avg_queue_time_ms, events.p50_queue_time_ms, events.p95_queue_time_ms, events.p99_queue_time_ms,
    days.highest_daily_p95_queue_time_ms, days.avg_processing_time_ms, events.p50_processing_time_ms,
    events.p95_processing_time_ms, events.p99_processing_time_ms, days.highest_daily_p95_processing_time_ms,
    days.attempt_count::double precision / nullif(loaded.hour_count, 0) as throughput_per_hour
from days
cross join loaded
left join events
    on events.schedule_type = days.schedule_type and events.event_type = days.event_type
    and events.attempt_count = days.attempt_count
order by days.schedule_type collate "C", days.event_type collate "C"
"""


def statistics_of_range(database: Database, first: date, last: date, schedule_type: str | None = None) -> Page:
    """The same of the days first to last together, all of it exact.

    Distinct executions and percentiles are those of the records of the range; they are None for a kind of work that
    has records on an archived day, of which the highest daily percentiles remain. The throughput is that of the days
    that are loaded.
    """
    found = ask_days(database, [STATISTICS], _OF_RANGE, first, last, check_tier(schedule_type))
    events = coverage_of_days(database, EVENTS, first, last, is_raw=True)
    missing = found.coverage.missing if found.coverage else ()
    lack = ", so executions and percentiles of the range are not known"
    return replace(found, coverage=replace(events, missing=missing, lack=lack))


def statistics_of_hours(database: Database, start: datetime, end: datetime, schedule_type: str | None = None) -> Page:
    """The same per hour of [start, end), from the records themselves; an hour without any has no row.

    Times without a zone are UTC. An hour at an end of the range is that part of it.
    """
    since, until = utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    window = {"since": text_of(since), "until": text_of(until)}
    found = database.query(_OF_HOURS, {**window, **check_tier(schedule_type)})
    return Page(found, coverage=coverage_of_moments(database, EVENTS, since, until, is_raw=True))
