"""Real requests of two services through the whole path: every number equals one computed from the files alone."""

import csv
import gzip
import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from conftest import REAL_DATA, Server, needs_real_data, settings_in
from events import aggregate, ask, ask_lake, ledger, load

from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.postgres.database import Database

pytestmark = needs_real_data

DAY = date(2023, 11, 16)
SOURCES = {"llm_code": "llm-code", "llm_conv": "llm-conv"}
Request = tuple[datetime, int, int]


@pytest.fixture(scope="module")
def requests() -> dict[str, list[Request]]:
    """{service: (time, its seventh decimal cut off; tokens of the request; of the answer)}."""
    found = {}
    for source, service in SOURCES.items():
        with gzip.open(REAL_DATA / "service_requests" / file_of(source), "rt", encoding="utf-8") as file:
            found[service] = [
                (datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC),
                 int(row["ContextTokens"]), int(row["GeneratedTokens"]))
                for row in csv.DictReader(file)
            ]  # fmt: skip
    return found


def file_of(source: str) -> str:
    return f"llm_inference_{source.removeprefix('llm_')}.csv.gz"


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    url = server.clone()
    settings = replace(settings_in(tmp_path_factory.mktemp("requests"), url, DAY), hot_days=PerTable(None))
    for source in SOURCES:
        folder = settings.landing_dir / "performance_events" / source
        folder.mkdir(parents=True)
        shutil.copy(REAL_DATA / "service_requests" / file_of(source), folder)
    database = Database(settings)
    for table in ("performance_events", "service_events", "user_behavior_events"):
        load(database, f"services.{table}", DAY)
    aggregate(database, DAY, DAY, ("day",), ["services"])
    yield settings
    server.drop(url)


def percentile(values: list[int], fraction: float) -> float:
    """Between the two nearest values, as percentile_cont has it."""
    ordered, position = sorted(values), fraction * (len(values) - 1)
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (position - math.floor(position)) * (above - below)


def test_every_request_is_loaded_to_the_microsecond(loaded: Settings, requests: dict[str, list[Request]]) -> None:
    files = ledger(loaded.database_url)
    assert {name: (of["rows_read"], of["rows_rejected"]) for name, of in files.items()} == {
        f"performance_events/{source}/{file_of(source)}": (len(requests[service]), 0)
        for source, service in SOURCES.items()
    }
    assert sum(map(len, requests.values())) == 8_819 + 19_366
    found = ask(loaded.database_url, "select service_id, occurred_at from services.performance_events")
    assert Counter((row["service_id"], row["occurred_at"]) for row in found) == Counter(
        (service, time) for service, of in requests.items() for time, _, _ in of
    )


def test_minutes_equal_a_count_of_the_file(loaded: Settings, requests: dict[str, list[Request]]) -> None:
    """A source that knows no duration has counts and a throughput, and no latency."""
    expected = Counter(
        (service, time.replace(second=0, microsecond=0)) for service, of in requests.items() for time, _, _ in of
    )
    table = "services.service_stats_1m"
    rows = ask_lake(loaded, table, f"select * from {table}")
    assert {(row["service_id"], row["bucket"].astimezone(UTC)): row["event_count"] for row in rows} == expected
    for row in rows:
        assert row["throughput"] == pytest.approx(row["event_count"] / 60, rel=1e-12)
        assert (row["error_rate"], row["timed_count"], row["total_latency_ms"]) == (0, 0, 0)
        assert row["avg_latency_ms"] is row["p50_latency_ms"] is row["p99_latency_ms"] is None


def test_the_day_equals_the_file(loaded: Settings, requests: dict[str, list[Request]]) -> None:
    found = {r["service_id"]: r for r in ask(loaded.database_url, "select * from services.operation_stats_daily")}
    for service, of in requests.items():
        row, asked, answered = found.pop(service), [tokens for _, tokens, _ in of], [tokens for _, _, tokens in of]
        assert (row["event_count"], row["error_count"], row["timed_count"]) == (len(of), 0, 0)
        assert row["p95_duration_ms"] is None
        assert row["avg_resource_mb"] == pytest.approx(sum(asked) / len(asked), rel=1e-12)
        assert row["avg_throughput"] == pytest.approx(sum(answered) / len(answered), rel=1e-12)
        assert row["max_resource_mb"] == max(asked)
        for name, values in (("resource_mb", asked), ("throughput", answered)):
            for q in (50, 95):
                assert row[f"p{q}_{name}"] == pytest.approx(percentile(values, q / 100), rel=1e-12)
    assert not found
    health = ask(loaded.database_url, "select service_id, status, reason from services.health_daily order by 1")
    assert [tuple(row.values()) for row in health] == [(service, "healthy", None) for service in sorted(requests)]
