"""Questions about the streaming services: errors, operations, users, engagement."""

from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from analytics_etl.families.pseudonyms import Pseudonyms
from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import are_there, ask_days, coverage_of_moments
from analytics_etl.families.queries.cursor import check_limit, text_of, utc
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.postgres.database import Database

Grain = Literal["1m", "5m", "1h", "1d"]

_RANK = Key({"rank": int})
_DAY_AND_RANK = Key({"day": date, "service_id": str, "rank": int})
_BUCKET_AND_SERVICE = Key({"bucket": datetime, "service_id": str})


def errors(
    database: Database, first: date, last: date, service: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """How operations failed in the days first to last together, the most frequent first.

    `after` is the cursor of the page before, here as in the other functions.
    """
    return _ranked(
        database, "services.error_types_daily", "services.errors_of_range", first, last, service, limit, after
    )


def operations(
    database: Database, first: date, last: date, service: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """What services carried out in the days first to last together, what took most time first.

    Means are exact; of percentiles only the highest of any day is known.
    """
    table = "services.operation_stats_daily"
    return _ranked(database, table, "services.operations_of_range", first, last, service, limit, after)


def top_users(
    database: Database, first: date, last: date, service: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """The 20 users for whom each service did most on each of the days first to last, under their pseudonyms."""
    check_texts({"service": service})
    wanted = {"service_id": service or "", **_DAY_AND_RANK.parameters(after, limit)}
    found = ask_days(database, ["services.top_users_daily"], "services.users_of_days", first, last, wanted)
    page, pseudonym = _DAY_AND_RANK.page(found.rows, limit), Pseudonyms.of(database)
    rows = [{**row, "user_id": pseudonym(row["user_id"])} for row in page.rows]
    return replace(page, rows=rows, coverage=found.coverage)


def engagement(database: Database, first: date, last: date) -> Page:
    """Users and sessions at the end of each of the days first to last; a day without actions has no row."""
    tables = ["services.engagement_daily", "services.conversion_daily"]
    return ask_days(database, tables, "services.engagement_of_days", first, last, {})


def _ranked(
    database: Database, table: str, query: str, first: date, last: date, service: str | None, limit: int,
    after: str | None,
) -> Page:  # fmt: skip
    check_texts({"service": service})
    wanted = {"service_id": service or "", **_RANK.parameters(after, limit)}
    found = ask_days(database, [table], query, first, last, wanted)
    return replace(_RANK.page(found.rows, limit), coverage=found.coverage)


def aggregations(
    database: Database, grain: Grain, start: datetime, end: datetime, service: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """Operations and latencies per bucket of [start, end), of one service or of each of them, the oldest first."""
    since, until = utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    check_texts({"service": service})
    table = f"services.service_stats_{grain}"
    wanted: dict[str, str | int] = {
        "first_day": since.date().isoformat(),
        "last_day": until.date().isoformat(),
        "since": text_of(since),
        "until": text_of(until),
        "service_id": service or "",
        **_BUCKET_AND_SERVICE.parameters(after, limit),
    }
    found = ask(database, f"services.aggregations_{grain}", wanted) if are_there(database, [table]) else []
    page = _BUCKET_AND_SERVICE.page(found, limit)
    return replace(page, coverage=coverage_of_moments(database, table, since, until))


def health(database: Database, first: date, last: date, service: str | None = None) -> Page:
    """How healthy one service or each of them was on each of the days first to last, the worst of a day first."""
    check_texts({"service": service})
    return ask_days(
        database, ["services.health_daily"], "services.health_of_days", first, last, {"service_id": service or ""}
    )


def anomalies(database: Database, first: date, last: date, service: str | None = None, limit: int = 10) -> Page:
    """The anomalies that begin in the days first to last, of one service or of all, the newest first."""
    return _newest(database, "services.anomalies", "services.anomalies_of_services", first, last, service, limit)


def forecasts(database: Database, first: date, last: date, service: str | None = None, limit: int = 10) -> Page:
    """What is expected after the days first to last, of one service or of all, the newest first."""
    return _newest(database, "services.forecasts", "services.forecasts_of_services", first, last, service, limit)


def _newest(
    database: Database, table: str, query: str, first: date, last: date, service: str | None, limit: int
) -> Page:
    check_limit(limit)
    check_texts({"service": service})
    return ask_days(database, [table], query, first, last, {"service_id": service or "", "limit": limit})
