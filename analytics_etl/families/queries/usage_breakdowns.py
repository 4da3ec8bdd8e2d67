"""Questions about all of schema usage: what was done, operation by operation, and which hours were anomalies."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import (
    ONE_DAY,
    are_there,
    ask_days,
    coverage_of_last_days,
    coverage_of_moments,
    last_days_up_to,
)
from analytics_etl.families.queries.cursor import text_of, utc
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.usage_names import with_names
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

SEVERITIES = ("low", "medium", "high", "critical")

_ANOMALIES = "usage.usage_anomalies_daily"
_ANOMALY_KEY = Key({"bucket": datetime, "schema_id": UUID, "metric": str})


def operations(database: Database, first: date, last: date, *, by_day: bool = False, by_region: bool = False) -> Page:
    """What was done with all schemas in the days first to last together, operation by operation; the most first.

    Counts of distinct schemas and percentiles are exact: of the whole range, or with `by_day` and `by_region` of each
    day and region. Without `by_region` the region is empty.
    """
    tables = ["usage.latency_distribution_daily", "usage.schema_usage_1d"]
    return ask_days(
        database, tables, "usage.operations_of_range", first, last, {"by_day": by_day, "by_region": by_region}
    )


def anomalies(
    database: Database, start: datetime, end: datetime, schema_id: UUID | None = None, severity: str | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """Hours of [start, end) with too many errors or far slower than usual, newest first.

    Those of all schemas together have the nil UUID. Times without a zone are UTC; `after` is the cursor of the page
    before.
    """
    since, until = utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    if severity not in (None, *SEVERITIES):
        raise QueryError(f"the severity must be one of {', '.join(SEVERITIES)}, but is {severity}")
    wanted: dict[str, str | int] = {
        "first_day": since.date().isoformat(),
        "last_day": until.date().isoformat(),
        "since": text_of(since),
        "until": text_of(until),
        "schema_id": "" if schema_id is None else str(schema_id),
        "severity": severity or "",
        **_ANOMALY_KEY.parameters(after, limit),
    }
    found = ask(database, "usage.anomalous_hours", wanted) if are_there(database, [_ANOMALIES]) else []
    page = with_names(database, _ANOMALY_KEY.page(found, limit), (until - datetime.resolution).date())
    return replace(page, coverage=coverage_of_moments(database, _ANOMALIES, since, until))


def anomalies_of_last_days(
    database: Database, last_days: int, schema_id: UUID | None = None, severity: str | None = None, limit: int = 100,
    after: str | None = None,
) -> Page:  # fmt: skip
    """The same of the last days up to the newest one that was looked at."""
    newest = database.run(newest_day, [_ANOMALIES])
    start, end = last_days_up_to(newest or date.max - ONE_DAY, last_days)
    if newest is None:
        return Page([], coverage=Coverage(_ANOMALIES))
    page = anomalies(database, start, end, schema_id, severity, limit, after)
    return replace(page, coverage=coverage_of_last_days(database, _ANOMALIES, newest, last_days))


def anomalies_of_last_hours(database: Database, hours: int, limit: int = 100, after: str | None = None) -> Page:
    """The same of all schemas, of the last hours up to the end of the newest day that was looked at."""
    newest = database.run(newest_day, [_ANOMALIES])
    if newest is None:
        return Page([], coverage=Coverage(_ANOMALIES))
    _, end = last_days_up_to(newest, 1)
    return anomalies(database, end - timedelta(hours=hours), end, limit=limit, after=after)
