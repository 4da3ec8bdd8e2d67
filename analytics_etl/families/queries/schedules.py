"""Questions about schedule executions: single records, statistics of days, error patterns, how one schedule does."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.coverage import ask_days, coverage_of_moments
from analytics_etl.families.queries.cursor import (
    check_limit,
    count_cursor_of,
    cursor_of,
    read_count_cursor,
    read_cursor,
    text_of,
    utc,
)
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

EVENTS, STATISTICS = "schedules.schedule_events", "schedules.schedule_stats_daily"
TIERS = ("mongo", "clickhouse", "redis", "other")
LEVELS = ("INFO", "WARNING", "ERROR")
RESULTS = ("success", "failure", "skipped", "cancelled", "timeout", "retry")

_EVENTS = """
select
    recorded_at, event_id, schedule_id, execution_id, schedule_type, event_type, level, result, retry_count,
    queued_at, started_at, finished_at, queue_time_ms, processing_time_ms, source_id, kafka_topic, kafka_partition,
    kafka_offset, published_at, error_message, revision
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
limit :limit
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
limit :limit
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
    database: Database, start: datetime, end: datetime, wanted: EventFilter | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Records of [start, end) with their queue and processing times, newest first, at most `limit` of them.

    `after` is the cursor of the page before. Times without a zone are UTC. Archived days are not read, but told.
    """
    wanted, since, until = wanted or EventFilter(), utc(start), utc(end)
    _check(since < until, f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_limit(limit)
    for name, known in {"schedule_type": TIERS, "level": LEVELS, "result": RESULTS}.items():
        _check(getattr(wanted, name) in (None, *known), f"{name} must be one of {', '.join(known)}")
    check_texts(asdict(wanted))
    at, event_id = read_cursor(after)
    found = database.query(
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
    more = cursor_of(page[-1], "recorded_at") if len(found) > limit else None
    return Page(page, more, coverage_of_moments(database, EVENTS, since, until, is_raw=True))


def statistics(database: Database, first: date, last: date, schedule_type: str | None = None) -> Page:
    """Results, queue and processing times of each tier and kind of work, per day of first to last."""
    return ask_days(database, [STATISTICS], _STATISTICS, first, last, check_tier(schedule_type))


def errors(
    database: Database, first: date, last: date, schedule_id: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Error patterns of the days first to last together, the most frequent first; `is_new`: never seen before them.

    `after` is the cursor of the page before.
    """
    check_limit(limit)
    check_texts({"schedule_id": schedule_id})
    count, pattern = read_count_cursor(after)
    cursor: dict[str, str | int] = {"after_count": count, "after_pattern": pattern, "limit": limit + 1}
    tables = ["schedules.error_occurrences_daily", "schedules.error_patterns_daily"]
    whole = ask_days(database, tables, _ERRORS, first, last, {"schedule_id": schedule_id or "", **cursor})
    page = whole.rows[:limit]
    more = count_cursor_of(page[-1]["error_count"], page[-1]["pattern"]) if len(whole.rows) > limit else None
    return replace(whole, rows=page, next=more)


def performance(database: Database, schedule_id: str, first: date, last: date) -> Page:
    """How one schedule did on each of the days first to last, against its own 28 days before."""
    check_texts({"schedule_id": schedule_id})
    tables = ["schedules.schedule_performance_daily"]
    return ask_days(database, tables, _PERFORMANCE, first, last, {"schedule_id": schedule_id})


def check_tier(schedule_type: str | None) -> dict[str, str | int]:
    """The parameter of a SELECT for one tier, or for all of them; QueryError for one there is not."""
    _check(schedule_type in (None, *TIERS), f"schedule_type must be one of {', '.join(TIERS)}, but is {schedule_type}")
    return {"schedule_type": schedule_type or ""}


def _check(is_so: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not is_so:
        raise QueryError(message)
