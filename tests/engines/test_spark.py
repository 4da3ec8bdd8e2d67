"""Spark gives the rows that PostgreSQL and DuckDB give: each case of each table that is computed from the lake."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sql_engines
from conftest import Server, settings_in
from events import DAY, ask, declared, published
from lakes import computed, lake_of, needs_spark, rows_from, spark_of
from sql_engines import CASES, Tables, all_models, plain, read_case, unordered

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.catalog.models import ALL_DAYS
from analytics_etl.config.settings import Settings
from analytics_etl.engines.duckdb import DuckDBEngine
from analytics_etl.engines.spark import SparkError
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.database import Database

pytestmark = [needs_spark, pytest.mark.spark]

MODELS = all_models()
OF_LAKE = {
    table
    for table, model in Catalog().aggregates.items()
    if kept_in_lake(Catalog()).issuperset(model.dependencies) and model.lookback_days != ALL_DAYS
}
PATHS = [path for path in sorted(CASES.glob("*/*/*.yaml")) if f"{path.parts[-3]}.{path.parts[-2]}" in OF_LAKE]


@pytest.fixture(scope="module")
def tables(server: Server, catalog: Catalog) -> Iterator[Tables]:
    """The columns of every table as PostgreSQL has them."""
    with sql_engines.postgres(server, catalog) as engine:
        yield engine.tables


def types_of(tables: Tables, table: str) -> Mapping[str, str]:
    return {name: column.type for name, column in tables[table].items()}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: "-".join(path.with_suffix("").parts[-3:]))
def test_case(path: Path, tables: Tables, catalog: Catalog, tmp_path: Path) -> None:
    case = read_case(path, MODELS)
    rows = {table: case.given.get(table, []) for table in case.model.dependencies}
    given = lake_of(tmp_path / "lake", catalog, tables, rows)
    engine = spark_of(given, catalog, tmp_path)
    found = computed(engine, case.model, types_of(tables, case.model.table), case.window["start"], case.window["end"])
    expected = [{column: plain(value) for column, value in row.items()} for row in case.expect]
    assert unordered(found) == unordered(expected)


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A day of all families, computed by DuckDB."""
    settings = settings_in(tmp_path_factory.mktemp("spark"), server.clone(), start_date=DAY)
    write_sample(settings.landing_dir, SampleOptions(DAY, 1, 3_000, rhythm=False, families=tuple(FAMILIES)))
    database, catalog = Database(settings), declared()
    for contract in catalog.contracts.values():
        load_days(contract, catalog.mappings(contract.family), database, [DAY], log=lambda _: None)
    for table in catalog.in_order():
        if model := catalog.aggregates.get(table):
            publishing.replace(database, model, periods(model.cadence, DAY, DAY))
    return settings


@pytest.mark.parametrize("table", sorted(OF_LAKE))
def test_a_day_is_that_of_duckdb_to_the_last_digit(filled: Settings, table: str) -> None:
    rows = published(filled, table)
    assert rows or table in ("usage.usage_anomalies_daily", "registry.deprecated_users_daily")  # rare
    model = declared().aggregates[table]
    on_spark = replace(filled, engine="spark", spark="local[2]")
    publishing.replace(Database(on_spark), model, periods(model.cadence, DAY, DAY))
    made = ask(filled.database_url, "select engine, rows from ops.partitions where table_name = %s", [table])
    assert made == [{"engine": "spark", "rows": len(rows)}]
    assert published(filled, table) == rows


def test_percentiles_of_any_numbers(tmp_path: Path, catalog: Catalog, tables: Tables) -> None:
    """Of many groups of values, against the formula of PostgreSQL."""
    numbers = random.Random(5)
    table = "usage.schema_usage_events"
    groups = {
        minute: [numbers.randint(0, numbers.choice([1, 3, 100, 10**6])) for _ in range(count)]
        for minute, count in enumerate([1, 2, 3, 5, 19, 20, 21, 41, 99, 100, 101, 200, 201])
    }
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    rows = [
        {"event_id": UUID(int=1000 * minute + n), "occurred_at": start + timedelta(minutes=minute), "latency_ms": value}
        for minute, values in groups.items()
        for n, value in enumerate(values)
    ]
    engine = spark_of(lake_of(tmp_path / "lake", catalog, tables, {table: rows}), catalog, tmp_path)
    model = catalog.aggregates["usage.schema_usage_1m"]
    found = {
        row["bucket"].minute: [row["p50_latency_ms"], row["p95_latency_ms"], row["p99_latency_ms"]]
        for row in rows_from(engine, model, types_of(tables, model.table), DAY, DAY + timedelta(days=1))
        if row["scope"] == "global"
    }
    assert found == {
        minute: [continuous(sorted(values), fraction) for fraction in (0.5, 0.95, 0.99)]
        for minute, values in groups.items()
    }


def continuous(values: Sequence[int], fraction: float) -> float:
    place = fraction * (len(values) - 1)
    lower, upper = values[math.floor(place)], values[math.ceil(place)]
    return lower + (place - math.floor(place)) * (upper - lower)


def test_long_messages_do_not_overflow_the_stack(tmp_path: Path, catalog: Catalog, tables: Tables) -> None:
    """Java's regular expressions go one call deeper for each character inside of quotes."""
    table, model = "schedules.schedule_events", catalog.aggregates["schedules.error_occurrences_daily"]
    moment = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    messages = ['"' + "x" * 3_900 + '"', "'" * 4_000, "/a" * 2_000, "«¦" * 2_000, "1.2," * 1_000, "A1b" * 1_300]
    rows = [{"event_id": UUID(int=n), "recorded_at": moment, "error_message": text} for n, text in enumerate(messages)]
    engine = spark_of(lake_of(tmp_path / "lake", catalog, tables, {table: rows}), catalog, tmp_path)
    types = types_of(tables, model.table)
    found = computed(engine, model, types, DAY, DAY + timedelta(days=1))
    duckdb = DuckDBEngine(engine.lake, catalog.contracts, engine.files, 256, tmp_path)
    assert unordered(found) == unordered(computed(duckdb, model, types, DAY, DAY + timedelta(days=1)))
    assert sum(row["error_count"] for row in found) == len(messages)


def test_a_failure_of_spark_is_a_line_that_names_the_file(tmp_path: Path, catalog: Catalog, tables: Tables) -> None:
    table, model = "usage.schema_usage_events", catalog.aggregates["usage.service_usage_daily"]
    moment = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    rows = [{"event_id": UUID(int=n), "occurred_at": moment, "latency_ms": 2**62} for n in range(2)]
    engine = spark_of(lake_of(tmp_path / "lake", catalog, tables, {table: rows}), catalog, tmp_path)
    with (
        pytest.raises(SparkError, match=r"service_usage_daily\.sql: Spark failed: .*overflow") as raised,
        engine.compute(model, types_of(tables, model.table), DAY, DAY + timedelta(days=1)),
    ):
        pass
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "lake" / "_staging").iterdir()) == []


def test_every_table_of_the_lake_has_a_case() -> None:
    assert {f"{path.parts[-3]}.{path.parts[-2]}" for path in PATHS} == OF_LAKE
