"""Questions about schedule executions: single records, statistics of tiers, error patterns, how one schedule does."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from analytics_etl.queries import Page, QueryError
from analytics_etl.queries.cursor import (
    check_limit,
    count_cursor_of,
    cursor_of,
    read_count_cursor,
    read_cursor,
    text_of,
    utc,
)
from analytics_etl.warehouse import Warehouse

TIERS = ("mongo", "clickhouse", "redis", "other")
LEVELS = ("INFO", "WARNING", "ERROR")
RESULTS = ("success", "failure", "skipped", "cancelled", "timeout", "retry")

_EVENTS = """
select
    recorded_at, event_id, schedule_id, execution_id, schedule_type, event_type, level, result, retry_count,
    queued_at, started_at, finished_at, queue_time_ms, processing_time_ms, error_message
from schedules.schedule_events
where recorded_at >= :since and recorded_at < :until
  and recorded_at <= :after_at::timestamptz
  and (recorded_at, event_id) < (:after_at::timestamptz, :after_id::uuid)
  and (:schedule_id = '' or schedule_id = :schedule_id)
  and (:execution_id = '' or execution_id = :execution_id)
  and (:schedule_type = '' or schedule_type = :schedule_type)
  and (:event_type = '' or event_type = :event_type)
  and (:level = '' or level = :level)
  and (:result = '' or result = :result)
order by recorded_at desc, event_id desc
limit :limit
"""
_STATISTICS = """
select
    day, schedule_type, event_type, execution_count, attempt_count, success_count, failure_count, timeout_count,
    retried_count, skipped_count, cancelled_count, success_rate, avg_queue_time_ms, p50_queue_time_ms,
    p95_queue_time_ms, p99_queue_time_ms, avg_processing_time_ms, p50_processing_time_ms, p95_processing_time_ms,
    p99_processing_time_ms, throughput_per_hour, peak_hour
from schedules.schedule_stats_daily
where day >= :start::date and day < :end::date and (:schedule_type = '' or schedule_type = :schedule_type)
order by day, schedule_type collate "C", event_type collate "C"
"""
_ERRORS = """
with patterns as (
    select
        pattern,
        sum(error_count)::bigint as error_count,
        count(distinct schedule_id) as schedule_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        pattern in (
            select pattern from schedules.error_patterns_daily where day >= :start::date and day < :end::date and is_new
        ) as is_new,
        min(sample_message collate "C") as sample_message
    from schedules.error_occurrences_daily
    where day >= :start::date and day < :end::date and (:schedule_id = '' or schedule_id = :schedule_id)
    group by pattern
)
select pattern, error_count, schedule_count, first_seen_at, last_seen_at, is_new, sample_message
from patterns
where error_count < :after_count or error_count = :after_count and pattern collate "C" > :after_pattern
order by error_count desc, pattern collate "C"
limit :limit
"""
_PERFORMANCE = """
select
    day, attempt_count, success_rate, baseline_success_rate, success_rate_change, avg_queue_time_ms,
    baseline_avg_queue_time_ms, p95_queue_time_ms, usual_p95_queue_time_ms, avg_processing_time_ms,
    baseline_avg_processing_time_ms, processing_time_ratio, p95_processing_time_ms, usual_p95_processing_time_ms,
    baseline_days
from schedules.schedule_performance_daily
where day >= :start::date and day < :end::date and schedule_id = :schedule_id
order by day
"""


@dataclass(frozen=True)
class EventFilter:
    """Which records are wanted; None = whatever there is."""

    schedule_id: str | None = None
    execution_id: str | None = None
    schedule_type: str | None = None
    event_type: str | None = None
    level: str | None = None
    result: str | None = None


def events(
    warehouse: Warehouse, start: datetime, end: datetime, wanted: EventFilter | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Records of [start, end) with their queue and processing times, newest first, at most `limit` of them.

    `after` is the cursor of the page before. Times without a zone are UTC. Archived days are not read.
    """
    wanted, since, until = wanted or EventFilter(), utc(start), utc(end)
    _check(since < until, f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_limit(limit)
    for name, known in {"schedule_type": TIERS, "level": LEVELS, "result": RESULTS}.items():
        _check(getattr(wanted, name) in (None, *known), f"{name} must be one of {', '.join(known)}")
    at, event_id = read_cursor(after)
    found = warehouse.query(
        _EVENTS,
        {
            "since": text_of(since),
            "until": text_of(until),
            "after_at": at,
            "after_id": event_id,
            "limit": limit + 1,
            **{name: value or "" for name, value in asdict(wanted).items()},
        },
    )
    page = found[:limit]
    return Page(page, cursor_of(page[-1], "recorded_at") if len(found) > limit else None)


def statistics(warehouse: Warehouse, first: date, last: date, schedule_type: str | None = None) -> Page:
    """Results, queue and processing times of each tier and kind of work, per day of first to last."""
    return _of_days(warehouse, _STATISTICS, first, last, {"schedule_type": schedule_type or ""})


def errors(
    warehouse: Warehouse, first: date, last: date, schedule_id: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Error patterns of the days first to last together, the most frequent first; `is_new`: never seen before them.

    `after` is the cursor of the page before.
    """
    check_limit(limit)
    count, pattern = read_count_cursor(after)
    cursor: dict[str, str | int] = {"after_count": count, "after_pattern": pattern, "limit": limit + 1}
    found = _of_days(warehouse, _ERRORS, first, last, {"schedule_id": schedule_id or "", **cursor}).rows
    page = found[:limit]
    more = count_cursor_of(page[-1]["error_count"], page[-1]["pattern"]) if len(found) > limit else None
    return Page(page, more)


def performance(warehouse: Warehouse, schedule_id: str, first: date, last: date) -> Page:
    """How one schedule did on each of the days first to last, against its own 28 days before."""
    return _of_days(warehouse, _PERFORMANCE, first, last, {"schedule_id": schedule_id})


def _of_days(warehouse: Warehouse, statement: str, first: date, last: date, parameters: dict[str, str | int]) -> Page:
    _check(first <= last, f"the last day must not be before the first, but {last} is before {first}")
    if warehouse.newest_day(["schedules.schedule_stats_daily"]) is None:  # tables are made by the first run
        return Page([])
    return Page(warehouse.query(statement, {**parameters}, first, last + timedelta(days=1)))


def _check(is_so: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not is_so:
        raise QueryError(message)
