"""JSON in SELECTs: one text for PostgreSQL, DuckDB and Spark, and the same rows from each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Server
from events import DAY
from json_family import BY_LABELS, EVENTS, catalog_in
from lakes import computed, lake_of, needs_spark, spark_of
from sql_engines import Postgres, Row, described_tables, unordered

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.engines.duckdb import DuckDBEngine
from analytics_etl.tables.derived import ensure_table

ODD = 'caf\u00e9 "x"\\\n\t/'
LABELS: list[dict[str, str]] = [
    {"service_id": "a", "region": "eu"}, {"region": "eu", "service_id": "a"},
    {"service_id": ODD, "long key": ""},
    {"region": "eu"}, {}, {"service_id": "nobody"}, {"service_id": ""}, {"service_id": "null"},
]  # fmt: skip
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
ROWS: list[Row] = [{"taken_at": NOON, "labels": labels, "extra": None} for labels in [*LABELS, *LABELS[:3]]]
TYPES = {"day": "date", "labels": "jsonb", "service_id": "text", "sample_count": "bigint"}
EXPECTED = [
    ('{"region":"eu","service_id":"a"}', "a", 4),
    ('{"long key":"","service_id":"caf\u00e9 \\"x\\"\\\\\\n\\t/"}', ODD, 2),
    ('{"region":"eu"}', None, 1), ("{}", None, 1), ('{"service_id":""}', "", 1), ('{"service_id":"null"}', "null", 1),
]  # fmt: skip


def expected() -> list[Row]:
    return unordered([dict(zip(TYPES, (DAY, *row), strict=True)) for row in EXPECTED])


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return catalog_in(tmp_path / "sql")


@pytest.fixture
def postgres(server: Server, catalog: Catalog) -> Any:
    url = server.clone()
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(f"create schema shop; {catalog.contracts[EVENTS].ddl}".encode())
        connection.execute("create table shop.rest partition of shop.sample_events default")
        ensure_table(connection, catalog.aggregates[BY_LABELS])
        yield Postgres(connection, described_tables(connection, catalog))
    server.drop(url)


def test_postgres(postgres: Postgres, catalog: Catalog) -> None:
    postgres.insert(EVENTS, ROWS)
    [(start, end)] = periods("day", DAY, DAY).items()
    select = catalog.aggregates[BY_LABELS].statement(window_parameters(start, end))
    assert unordered(postgres.rows(select)) == expected()
    assert {name: column.type for name, column in postgres.tables[BY_LABELS].items()} == TYPES


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=[needs_spark, pytest.mark.spark])])
def test_the_lake(engine: str, postgres: Postgres, catalog: Catalog, tmp_path: Path) -> None:
    given = lake_of(tmp_path / "lake", catalog, postgres.tables, {EVENTS: ROWS})
    memory = Settings().engine_memory_mb
    computing = (
        spark_of(given, catalog, tmp_path)
        if engine == "spark"
        else DuckDBEngine(given.lake, catalog.contracts, given.files, memory, tmp_path)
    )
    [(start, end)] = periods("day", DAY, DAY).items()
    assert unordered(computed(computing, catalog.aggregates[BY_LABELS], TYPES, start, end)) == expected()
