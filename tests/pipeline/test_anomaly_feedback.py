"""What people say of anomalies, and the calendar, in the tables: from which day on it counts, and what it changes."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from commands import call, variables
from events import put

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.functions.anomalies import Known, anomalies
from analytics_etl.lake.writing import ARROW_TYPES
from analytics_etl.pipeline import anomalies as of_families
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.database import Database
from analytics_etl.signals.anomalies.calendar import Calendar, Window
from analytics_etl.signals.series import DAY

FIRST = date(2025, 1, 1)
BURSTS = (30, 70)
"""Days on which there was ten times as much as usual: the second comes more than four weeks later."""


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def series(days: int) -> list[dict[str, Any]]:
    """About 1,000 a day, 998 to 1,002 by turns."""
    return [
        {"day": day_of(n), "series_id": "a", "bucket": datetime.combine(day_of(n), datetime.min.time(), UTC),
         "metric": "event_count", "grain": "1d", "unit": "count", "is_absent_zero": True, "is_forecast": False,
         "entity": "play", "series_labels": "{}", "value": 10_000.0 if n in BURSTS else 998.0 + n % 5, "weight": 1.0}
        for n in range(days)
    ]  # fmt: skip


@pytest.fixture
def services(database: Database, catalog: Catalog) -> Database:
    """Eighty days of one series, whose anomalies are published."""
    put(database.settings, {"services.series": series(80)})
    publish(database, catalog, range(80))
    return database


def publish(database: Database, catalog: Catalog, numbers: Sequence[int]) -> None:
    days = {day_of(number): day_of(number + 1) for number in numbers}
    publishing.replace(database, catalog.aggregates["services.anomalies"], days, accept_change=True)


def begun(database: Database, catalog: Catalog) -> list[int]:
    return [(row["day"] - FIRST).days for row in of_families.begun(database, catalog, 100)]


def test_what_is_confirmed_is_no_part_of_what_is_expected(services: Database, catalog: Catalog) -> None:
    assert begun(services, catalog) == [30]
    [row] = of_families.begun(services, catalog, 100)
    assert row["sentence"].startswith("Event count of service play is 10,000, expected ")

    def say(verdict: of_families.Verdict, number: int) -> None:
        now = datetime.combine(day_of(number), datetime.min.time(), UTC)
        of_families.say(services, catalog, row["anomaly"], verdict, "ann", None, now)
        publish(services, catalog, range(60, 80))

    say("confirmed", 75)
    assert begun(services, catalog) == [30], "the second burst was before that was said"
    say("confirmed", 50)
    assert begun(services, catalog) == [70, 30]
    publish(services, catalog, range(20, 40))
    assert begun(services, catalog) == [70, 30], "days before it was said stay as they are"
    say("dismissed", 60)
    assert begun(services, catalog) == [30], "the last word until that day counts"


def test_the_commands(services: Database) -> None:
    environment = variables(services.settings)
    listed = call("anomalies list --days 100 --severity high --format json", environment)
    [row] = json.loads(listed.stdout)["rows"]
    assert (row["severity"], row["day"], row["verdict"]) == ("high", "2025-01-31", None)
    assert call(f"anomalies dismiss {row['anomaly']} --reason test", environment).exit_code == 0
    until = call(f"anomalies confirm {row['anomaly']} --until 2025-02-03", environment)
    assert (until.exit_code, "confirmed: Event count of service play" in until.output) == (0, True)
    [row] = json.loads(call("anomalies list --days 100 --format json", environment).stdout)["rows"]
    assert row["verdict"] == "confirmed"
    # 998 and 1,002 are 1.4 standard deviations from 1,000, and the detector had said that the first burst is usual.
    found = json.loads(call("anomalies by-rule z-score --days 50 --format json", environment).stdout)["rows"]
    assert [(one["bucket"][:10], one["severity"], one["is_told"]) for one in found] == [
        ("2025-01-31", "high", True), ("2025-03-12", "high", False),
    ]  # fmt: skip
    assert json.loads(call("anomalies by-rule limit --format json", environment).stdout)["rows"] == []
    for typed, message in (
        (f"confirm {row['anomaly']} --until 2025-01-01", "expected a later end"),
        ("dismiss 000000000000", "there is no anomaly 000000000000"),
    ):
        wrong = call(f"anomalies {typed}", environment)
        assert (wrong.exit_code, message in wrong.output) == (2, True), wrong.output


def test_what_the_calendar_names_is_not_told(catalog: Catalog) -> None:
    function = catalog.aggregates["services.anomalies"].function
    assert function is not None
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in function.types.items()])
    rows = [
        {**row, "family": "services", "since": FIRST, "until": day_of(40), "tenant_id": None} for row in series(40)
    ]  # fmt: skip
    start = (day_of(BURSTS[0]) - date(1970, 1, 1)).days * DAY

    def told(*windows: Window) -> int:
        known = Known(Calendar(windows))
        batches = anomalies(iter(pa.Table.from_pylist(rows).to_batches()), schema, known)
        return sum(row["is_anomaly"] for batch in batches for row in batch.to_pylist())

    assert told() == 1
    hour = DAY // 24
    assert told(Window(start + 2 * hour, start + 3 * hour)) == 0, "a day that a window touches is no ordinary one"
    assert told(Window(start - hour, start)) == 1
