"""Questions about schema usage: statistics of a schema or of all of them in any grain, and single events."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import (
    ONE_DAY,
    are_there,
    coverage_of_last_days,
    coverage_of_moments,
    last_days_up_to,
)
from analytics_etl.families.queries.cursor import (
    LARGEST_ANSWER,
    check_limit,
    cursor_of,
    read_cursor,
    text_of,
    utc,
    whole,
)
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

Grain = Literal["1m", "5m", "1h", "1d"]
OPERATIONS = ("read", "write", "validate", "compatibility_check", "register", "list", "delete")

ALL_SCHEMAS = UUID(int=0)
EVENTS = "usage.schema_usage_events"


@dataclass(frozen=True)
class EventFilter:
    """Filter of events; a field that is None filters nothing."""

    schema_id: UUID | None = None
    operation: str | None = None
    service: str | None = None
    region: str | None = None
    success: bool | None = None


def statistics(
    database: Database, grain: Grain, start: datetime, end: datetime, schema_id: UUID | None = None, *,
    detail: bool = False,
) -> Page:  # fmt: skip
    """Counts and latencies per bucket of [start, end), oldest first: of one schema, or of all of them together.

    `detail`: a row for each operation and region instead of one for all of them. A bucket without operations has no
    row. Times without a zone are UTC.
    """
    since, until = utc(start), utc(end)
    if grain not in get_args(Grain):
        raise QueryError(f"the grain must be one of {', '.join(get_args(Grain))}, but is {grain}")
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    if detail and schema_id is None:
        raise QueryError("rows for each operation and region are those of one schema: name one, or ask for operations")
    table = f"usage.schema_usage_{grain}"
    coverage = coverage_of_moments(database, table, since, until)
    if not are_there(database, [table]):  # it is made by its first materialization
        return Page([], coverage=coverage)
    scope = "detail" if detail else "global" if schema_id is None else "schema"
    found = ask(
        database,
        f"usage.statistics_{grain}",
        {
            "first_day": since.date().isoformat(),
            "last_day": until.date().isoformat(),
            "since": text_of(since),
            "until": text_of(until),
            "schema_id": str(schema_id or ALL_SCHEMAS),
            "scope": scope,
            "limit": LARGEST_ANSWER + 1,
        },
    )
    return whole(found, coverage)


def events(
    database: Database, last_days: int, wanted: EventFilter | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """Events of the last days up to the newest day that is loaded, newest first, at most `limit` of them.

    `after` is the cursor of the page before: rows that are loaded meanwhile move nothing. Archived days are listed,
    not read.
    """
    newest = database.run(newest_day, [EVENTS])
    start, end = last_days_up_to(newest or date.max - ONE_DAY, last_days)
    if newest is None:
        return Page([], coverage=Coverage(EVENTS))
    page = events_between(database, start, end, wanted, limit, after)
    return replace(page, coverage=coverage_of_last_days(database, EVENTS, newest, last_days, is_raw=True))


def events_between(
    database: Database, start: datetime, end: datetime, wanted: EventFilter | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Events of [start, end), as `events` gives those of the last days. Times without a zone are UTC."""
    wanted, since, until = wanted or EventFilter(), utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_limit(limit)
    if wanted.operation is not None and wanted.operation not in OPERATIONS:
        raise QueryError(f"the operation must be one of {', '.join(OPERATIONS)}, but is {wanted.operation}")
    check_texts(asdict(wanted))
    at, event_id = read_cursor(after)
    found = ask(
        database,
        "usage.events",
        {
            "since": text_of(since),
            "until": text_of(until),
            "after_at": at,
            "after_id": event_id,
            "schema_id": str(wanted.schema_id or ""),
            "operation": wanted.operation or "",
            "service": wanted.service or "",
            "region": wanted.region or "",
            "success": "" if wanted.success is None else str(wanted.success).lower(),
            "limit": limit + 1,
        },
    )
    page = found[:limit]
    more = cursor_of(page[-1], "occurred_at") if len(found) > limit else None
    return Page(page, more, coverage_of_moments(database, EVENTS, since, until, is_raw=True))
