"""Percentiles, counts and sums of every grain and of regions equal those of the raw events, whatever they are."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sql_engines
from conftest import Server
from sql_engines import ENGINES, DuckDB, Engine, Postgres, Row, plain

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters

DAY = date(2025, 3, 31)
EVENTS = "usage.schema_usage_events"
GRAINS = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}
NIL = UUID(int=0)


@pytest.fixture(scope="module")
def postgres(server: Server, catalog: Catalog) -> Iterator[Postgres]:
    with sql_engines.postgres(server, catalog) as engine:
        yield engine


@pytest.fixture(scope="module")
def duckdb(postgres: Postgres) -> Iterator[DuckDB]:
    with sql_engines.duckdb_like(postgres.tables) as engine:
        yield engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


def random_events(seed: int, count: int) -> list[Row]:
    """Events of a day in bursts, with latencies that are often the same and sometimes far away."""
    rng = np.random.default_rng(seed)
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    bursts = rng.integers(0, 86_400, 4)
    return [
        {
            "event_id": UUID(int=number + 1),
            "occurred_at": midnight + timedelta(seconds=int((bursts[rng.integers(4)] + rng.integers(900)) % 86_400)),
            "schema_id": UUID(int=int(rng.integers(1, 4))),
            "operation": str(rng.choice(["read", "write"])),
            "region": str(rng.choice(["eu", "us"])),
            "latency_ms": int(rng.choice([0, 5, 5, 7, 10, 250, int(rng.integers(0, 100_000))])),
            "success": bool(rng.random() < 0.8),
        }
        for number in range(count)
    ]


def measured(events: list[Row]) -> tuple[Any, ...]:
    """(count, successes, sum, p50, p95, p99), percentiles by numpy."""
    latencies = [event["latency_ms"] for event in events]
    percentiles = (plain(float(np.percentile(latencies, share))) for share in (50, 95, 99))
    return len(events), sum(event["success"] for event in events), sum(latencies), *percentiles


def told(row: Row) -> tuple[Any, ...]:
    percentiles = (row[f"p{share}_latency_ms"] for share in (50, 95, 99))
    return row["operation_count"], row["success_count"], row["total_latency_ms"], *percentiles


def grouped(events: list[Row], seconds: int) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for event in events:
        start = int(event["occurred_at"].timestamp()) // seconds * seconds
        bucket = datetime.fromtimestamp(start, UTC)
        for schema, operation, region in (
            (event["schema_id"], event["operation"], event["region"]), (event["schema_id"], "", ""), (NIL, "", ""),
        ):  # fmt: skip
            groups.setdefault((bucket, str(schema), operation, region), []).append(event)
    return {key: measured(of_group) for key, of_group in groups.items()}


@pytest.mark.parametrize("seed", range(4))
def test_every_grain_is_measured_from_the_events(engine: Engine, catalog: Catalog, seed: int) -> None:
    events = random_events(seed, 40 * seed + 1)
    window = window_parameters(DAY, DAY + timedelta(days=1))
    with engine.undone():
        engine.insert(EVENTS, events)
        for grain, seconds in GRAINS.items():
            rows = engine.rows(catalog.aggregates[f"usage.schema_usage_{grain}"].statement(window))
            found = {(r["bucket"], r["schema_id"], r["operation"], r["region"]): told(r) for r in rows}
            assert found == grouped(events, seconds)


@pytest.mark.parametrize("seed", range(4))
def test_percentiles_of_counted_latencies_are_those_of_the_events(engine: Engine, catalog: Catalog, seed: int) -> None:
    events = random_events(seed, 40 * seed + 1)
    window = window_parameters(DAY, DAY + timedelta(days=1))
    with engine.undone():
        engine.insert(EVENTS, events)
        counted = engine.rows(catalog.aggregates["usage.latency_distribution_daily"].statement(window))
        engine.insert("usage.latency_distribution_daily", counted)
        rows = engine.rows(catalog.aggregates["usage.region_usage_daily"].statement(window))
    by_region = {region: [e for e in events if e["region"] == region] for region in ("eu", "us")}
    assert {row["region"]: told(row) for row in rows} == {r: measured(found) for r, found in by_region.items() if found}
    assert {row["global_p95_latency_ms"] for row in rows} == {measured(events)[4]}
