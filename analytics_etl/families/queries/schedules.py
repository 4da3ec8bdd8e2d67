"""Questions about schedule executions: single records, statistics of days, error patterns, how one schedule does."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from analytics_etl.families.queries import Page, QueryError, Row
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import ONE_DAY, ask_days, coverage_of_moments
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


@dataclass(frozen=True)
class EventFilter:
    """Filter of records; a field that is None filters nothing."""

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

    `after` is the cursor of the page before. Times without a zone are UTC. Archived days are listed, not read.
    """
    wanted, since, until = wanted or EventFilter(), utc(start), utc(end)
    _check(since < until, f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_limit(limit)
    for name, known in {"schedule_type": TIERS, "level": LEVELS, "result": RESULTS}.items():
        _check(getattr(wanted, name) in (None, *known), f"{name} must be one of {', '.join(known)}")
    check_texts(asdict(wanted))
    at, event_id = read_cursor(after)
    found = ask(
        database,
        "schedules.events",
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


def record(database: Database, event_id: str, first: date, last: date) -> Row | None:
    """The newest record with an id in the days first to last."""
    found = ask(database, "schedules.record_of_id", {"event_id": event_id}, first, last + ONE_DAY)
    return found[0] if found else None


def statistics(database: Database, first: date, last: date, schedule_type: str | None = None) -> Page:
    """Results, queue and processing times of each tier and kind of work, per day of first to last."""
    return ask_days(database, [STATISTICS], "schedules.statistics_of_days", first, last, check_tier(schedule_type))


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
    whole = ask_days(database, tables, "schedules.errors", first, last, {"schedule_id": schedule_id or "", **cursor})
    page = whole.rows[:limit]
    more = count_cursor_of(page[-1]["error_count"], page[-1]["pattern"]) if len(whole.rows) > limit else None
    return replace(whole, rows=page, next=more)


def performance(database: Database, schedule_id: str, first: date, last: date) -> Page:
    """How one schedule did on each of the days first to last, against its own 28 days before."""
    check_texts({"schedule_id": schedule_id})
    tables = ["schedules.schedule_performance_daily"]
    return ask_days(database, tables, "schedules.performance", first, last, {"schedule_id": schedule_id})


def check_tier(schedule_type: str | None) -> dict[str, str | int]:
    """The parameter of a SELECT for one tier, or for all of them; QueryError for one there is not."""
    _check(schedule_type in (None, *TIERS), f"schedule_type must be one of {', '.join(TIERS)}, but is {schedule_type}")
    return {"schedule_type": schedule_type or ""}


def _check(is_so: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not is_so:
        raise QueryError(message)
