"""Real metrics of a web server through the whole path: every number equals one computed from the file alone."""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from conftest import REAL_DATA, Server, needs_real_data, settings_in
from events import aggregate, ask, event_id, load, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

pytestmark = needs_real_data

DAYS = date(2015, 10, 30), date(2015, 10, 31)
Series = dict[tuple[str, str, str], list[tuple[datetime, float]]]
"""{(name, type, zone): (time, value) in order of time}"""


def read() -> Series:
    """Counters and gauges of the server and of its zones."""
    found: Series = defaultdict(list)
    with gzip.open(REAL_DATA / "service_metrics" / "nginx_status.ndjson.gz", "rt", encoding="utf-8") as file:
        for line in file:
            status = json.loads(line)
            at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=status["timestamp"])
            values = {("connections_total", "counter", ""): status["connections"]["accepted"],
                      ("connections_active", "gauge", ""): status["connections"]["active"],
                      ("connections_idle", "gauge", ""): status["connections"]["idle"]}  # fmt: skip
            for zone, of in status["server_zones"].items():
                values[("processing", "gauge", zone)] = of["processing"]
                values[("requests_total", "counter", zone)] = of["requests"]
                values[("sent_bytes_total", "counter", zone)] = of["sent"]
                values[("responses_5xx_total", "counter", zone)] = of["responses"]["5xx"]
            for series, value in values.items():
                found[series].append((at, float(value)))
    return {series: sorted(samples) for series, samples in found.items()}


@pytest.fixture(scope="module")
def series() -> Series:
    return read()


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory, series: Series) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("metrics"), server.clone(), DAYS[0])
    lines: list[dict[str, Any]] = [
        {"recorded_at": at.isoformat(), "name": name, "type": kind, "category": "performance", "value": value,
         "labels": {"zone": zone} | ({"temporality": "cumulative"} if kind == "counter" else {})}
        for (name, kind, zone), samples in series.items()
        for at, value in samples
    ]  # fmt: skip
    numbered = [{"event_id": event_id(number), **line} for number, line in enumerate(lines)]
    write(settings, "metric_samples/status.ndjson", numbered[::-1])
    for day in DAYS:
        load(Database(settings), "platform.metric_samples", day)
    aggregate(Database(settings), *DAYS, ("day",), ["platform"])
    yield settings
    server.drop(settings.database_url or "")


def test_the_file_is_about_both_sides_of_a_midnight(series: Series) -> None:
    assert {at.date() for samples in series.values() for at, _ in samples} == set(DAYS)
    assert sum(map(len, series.values())) == 500 * len(series)


def test_growth_of_counters(loaded: Settings, series: Series) -> None:
    expected: dict[tuple[Any, ...], float] = defaultdict(float)
    for (name, kind, zone), samples in series.items():
        for (_, before), (at, after) in pairwise(samples if kind == "counter" else ()):
            hour = at.replace(minute=0, second=0, microsecond=0)
            expected[name, zone, hour] += after - before if after >= before else after
    for grain in ("1h", "1d"):
        found = {
            (row["name"], row["zone"], row["bucket"]): row["increase"]
            for row in ask(
                loaded.database_url,
                f"select name, labels ->> 'zone' as zone, bucket, increase from platform.metric_{grain} "
                "where type = 'counter'",
            )
        }
        wanted: dict[tuple[Any, ...], float] = defaultdict(float)
        for (name, zone, hour), grown in expected.items():
            wanted[name, zone, hour if grain == "1h" else hour.replace(hour=0)] += grown
        assert found == wanted
        assert sum(found.values()) > 1_000


def test_levels_of_gauges(loaded: Settings, series: Series) -> None:
    rows = ask(
        loaded.database_url,
        "select name, labels ->> 'zone' as zone, day, sample_count, avg_value, min_value, max_value, last_value, "
        "p50_value, p95_value, p99_value from platform.metric_1d where type = 'gauge'",
    )
    assert len(rows) == 2 * sum(kind == "gauge" for _, kind, _ in series)
    for row in rows:
        values = [value for at, value in series[row["name"], "gauge", row["zone"]] if at.date() == row["day"]]
        assert row["sample_count"] == len(values)
        assert row["avg_value"] == pytest.approx(sum(values) / len(values), rel=1e-12)
        assert (row["min_value"], row["max_value"], row["last_value"]) == (min(values), max(values), values[-1])
        for name, fraction in (("p50_value", 0.5), ("p95_value", 0.95), ("p99_value", 0.99)):
            assert row[name] == pytest.approx(percentile(values, fraction), rel=1e-12)


def percentile(values: list[float], fraction: float) -> float:
    """Between the two nearest values, as percentile_cont has it."""
    ordered, position = sorted(values), fraction * (len(values) - 1)
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (position - math.floor(position)) * (above - below)
