"""Questions about single events of the registry: downloads, views of pages, compilations. No personal data."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Literal, get_args

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import ONE_DAY, coverage_of_last_days, coverage_of_moments, last_days_up_to
from analytics_etl.families.queries.cursor import check_limit, cursor_of, read_cursor, text_of, utc
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

Kind = Literal["download", "view", "compilation"]


@dataclass(frozen=True)
class _Events:
    """Where the events of a kind are, and how to ask for them."""

    table: str
    time_column: str
    query: str
    lacks: Collection[str] = ()
    """Fields of a filter that these events have no column for."""


_KINDS: Mapping[str, _Events] = {
    "download": _Events("registry.download_events", "downloaded_at", "registry.downloads"),
    "view": _Events("registry.module_view_events", "viewed_at", "registry.views", ("language", "success")),
    "compilation": _Events("registry.compilation_events", "started_at", "registry.compilations"),
}


@dataclass(frozen=True)
class EventFilter:
    """Filter of events; a field that is None filters nothing."""

    module: str | None = None
    version: str | None = None
    organization: str | None = None
    language: str | None = None
    success: bool | None = None


def events(
    database: Database, kind: Kind, last_days: int, wanted: EventFilter | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Events of one kind of the last days up to the newest day that is loaded, newest first, at most `limit` of them.

    `after` is the cursor of the page before: rows that are loaded meanwhile move nothing. Days whose events
    were not kept are listed.
    """
    table = _of(kind).table
    _parameters(kind, wanted)
    newest = database.run(newest_day, [table])
    start, end = last_days_up_to(newest or date.max - ONE_DAY, last_days)
    if newest is None:
        return Page([], coverage=Coverage(table))
    page = events_between(database, kind, start, end, wanted, limit, after)
    return replace(page, coverage=coverage_of_last_days(database, table, newest, last_days, is_raw=True))


def events_between(
    database: Database, kind: Kind, start: datetime, end: datetime, wanted: EventFilter | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """Events of [start, end), as `events` gives those of the last days. Times without a zone are UTC."""
    asked, since, until = _of(kind), utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_limit(limit)
    at, event_id = read_cursor(after)
    found = ask(
        database,
        asked.query,
        {
            "since": text_of(since),
            "until": text_of(until),
            "after_at": at,
            "after_id": event_id,
            "limit": limit + 1,
            **_parameters(kind, wanted),
        },
    )
    page = found[:limit]
    more = cursor_of(page[-1], asked.time_column) if len(found) > limit else None
    return Page(page, more, coverage_of_moments(database, asked.table, since, until, is_raw=True))


def _of(kind: str) -> _Events:
    if kind not in _KINDS:
        raise QueryError(f"the kind must be one of {', '.join(get_args(Kind))}, but is {kind}")
    return _KINDS[kind]


def _parameters(kind: str, wanted: EventFilter | None) -> dict[str, str | int]:
    """The filter for a SELECT; QueryError for a field that this kind of event does not have."""
    fields = asdict(wanted or EventFilter())
    check_texts(fields)
    for name in _of(kind).lacks:
        if fields[name] is not None:
            raise QueryError(f"a {kind} has no {name}: ask for downloads or compilations, or leave it out")
    texts = {name: "" if value is None else str(value) for name, value in fields.items()}
    return {**texts, "success": texts["success"].lower()}
