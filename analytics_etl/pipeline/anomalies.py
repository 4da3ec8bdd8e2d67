"""What people see of anomalies and say of them, and what the detector is to know of that."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.functions.anomalies import Known
from analytics_etl.ops import anomalies as books
from analytics_etl.ops.records import record_audit
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from analytics_etl.signals.anomalies import feedback
from analytics_etl.signals.anomalies.calendar import load_calendar
from analytics_etl.signals.anomalies.rows import Severity
from analytics_etl.signals.words import Measured

Verdict = feedback.Verdict
SEVERITIES = tuple(str(severity) for severity in Severity)
"""From least to worst."""
Row = dict[str, Any]
MOST_DAYS = 400
"""A person may name anomalies of so many days."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GRAINS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
_SHOWN = (
    "day",
    "bucket",
    "grain",
    "family",
    "tenant_id",
    "severity",
    "sentence",
    "cause",
    "incident_id",
    "verdict",
    "who",
)


class AnomalyError(ValueError):
    """There is no such anomaly, or nothing that can be said of it; the message says what to type."""


def anomaly_id(family: str, series_id: str, bucket: datetime) -> str:
    """What a person types to name an anomaly: twelve characters that stay the same for ever."""
    text = f"{family} {series_id} {bucket.astimezone(UTC).isoformat()}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def begun(
    database: Database, catalog: Catalog, days: int, tenant_id: str | None = None, least: str = SEVERITIES[0]
) -> list[Row]:  # fmt: skip
    """The anomalies of the newest days, the newest first and the worst of a day first; of a tenant, or of all."""
    with database.transaction() as connection:
        found = _found(connection, catalog, days, tenant_id)
    kept = [row for row in found if _rank(row) >= Severity(least).rank]
    kept.sort(key=lambda row: (-row["day"].toordinal(), -_rank(row), row["bucket"], row["series_id"]))
    return [{"anomaly": _id(row), **{name: row[name] for name in _SHOWN}} for row in kept]


def say(
    database: Database, catalog: Catalog, name: str, verdict: Verdict, who: str, reason: str | None, now: datetime,
    until: datetime | None = None, tenant_id: str | None = None,
) -> Row:  # fmt: skip
    """Confirm or dismiss an anomaly. A confirmed one is not learned `until` then, or the end of its bucket."""
    with database.transaction() as connection:
        row = next((row for row in _found(connection, catalog, MOST_DAYS, tenant_id) if _id(row) == name), None)
        if row is None:
            raise AnomalyError(f"there is no anomaly {name}: analytics-etl anomalies list shows those there are")
        ends_at = row["bucket"] + _GRAINS[row["grain"]] if until is None else until
        if ends_at <= row["bucket"]:
            raise AnomalyError(f"{name} begins at {row['bucket']:%Y-%m-%d %H:%M}; expected a later end, not {ends_at}")
        said = {"ends_at": ends_at, "verdict": verdict, "given_at": now, "who": who, "reason": reason}
        books.say(connection, {**row, **said})
        record_audit(connection, who, f"{verdict} anomaly", f"{row['family']} {name}: {row['sentence']}", reason)
    return {"anomaly": name, **{column: {**row, **said}[column] for column in _SHOWN}}


def known_of(connection: Connection, catalog: Catalog, family: str) -> Known:
    """What the detector is to know of the series of a family beside their numbers."""
    found: dict[str, list[feedback.Feedback]] = {}
    for row in books.said(connection, family):
        given_at, start, end = (_micros(row[name]) for name in ("given_at", "bucket", "ends_at"))
        said = feedback.Feedback(given_at, start, end, row["aspect"], row["direction"], row["verdict"])
        found.setdefault(row["series_id"], []).append(said)
    return Known(load_calendar(catalog.sql_dir), found, measures_of(catalog, family))


def measures_of(catalog: Catalog, family: str) -> dict[str, Measured]:
    """What the series of a family say of their numbers, by metric."""
    return {
        metric: Measured(measure.unit, measure.noun, measure.bad, measure.limit, measure.action)
        for (of, metric), measure in catalog.measures.items()
        if of == family
    }


def _found(connection: Connection, catalog: Catalog, days: int, tenant_id: str | None) -> list[Row]:
    tables = [table for table in catalog.aggregates if table.endswith(".anomalies")]
    newest = books.newest_day(connection, tables)
    if newest is None:
        return []
    after = newest + timedelta(days=1)
    found = books.begun(connection, tables, max(after - timedelta(days=days), date.min + timedelta(days=1)), after)
    return [row for row in found if tenant_id is None or row["tenant_id"] == tenant_id]


def _rank(row: Row) -> int:
    return Severity(row["severity"]).rank


def _id(row: Row) -> str:
    return anomaly_id(row["family"], row["series_id"], row["bucket"])


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
