"""DuckDB gives the rows that PostgreSQL gives, in slices too, and never more of a day than its memory holds."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import Server, settings_in
from events import DAY, DOWNLOADS, FILE, ask, declared, download, load, published, write

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.catalog import kept_in_lake
from analytics_etl.catalog.models import Model, rename_schemas, window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.engines import engine as engines
from analytics_etl.engines.duckdb import DuckDBEngine, UnsupportedError, as_postgres_computes
from analytics_etl.engines.engine import MOST_ROWS_OF_SLICE, slices
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.lake.folder import FolderLake
from analytics_etl.ops import lake_files
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.database import Database
from analytics_etl.tables import lake_tables
from analytics_etl.tables.overlay import overlay

ACTIVITY = "registry.module_activity_daily"
DAYS = [DAY + timedelta(days=n) for n in range(3)]
ON_DUCKDB = [
    model
    for model in declared().aggregates.values()
    if model.lookback_days < 10_000 and kept_in_lake(declared()).issuperset(model.dependencies)
]


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three days of all families, computed by DuckDB."""
    settings = settings_in(tmp_path_factory.mktemp("engines"), server.clone(), start_date=DAYS[0])
    options = SampleOptions(DAYS[-1], len(DAYS), 3_000, rhythm=False, families=tuple(FAMILIES))
    write_sample(settings.landing_dir, options)
    database, catalog = Database(settings), declared()
    for table, contract in catalog.contracts.items():
        load_days(contract, catalog.mappings(contract.family), database, DAYS, log=lambda _: None)
        assert ask(settings.database_url, "select count(*) as n from ops.current_lake_files where table_name = %s",
                   [table]) == [{"n": 3}]  # fmt: skip
    for table in catalog.in_order():
        if table in catalog.aggregates:
            model = catalog.aggregates[table]
            publishing.replace(database, model, periods(model.cadence, DAYS[0], DAYS[-1]))
    return settings


@pytest.mark.parametrize("model", ON_DUCKDB, ids=lambda model: model.table)
def test_postgresql_gives_the_same_rows_to_the_last_digit(filled: Settings, model: Model) -> None:
    url = filled.database_url
    made = ask(url, "select distinct engine from ops.partitions where table_name = %s", [model.table])
    assert made == [{"engine": "duckdb"}]
    rows, window = published(filled, model.table), periods(model.cadence, DAYS[0], DAYS[-1])
    assert rows or model.table == "usage.usage_anomalies_daily"
    start, end = min(window), max(window.values())
    with Database(filled).transaction() as connection:
        schemas = overlay(connection, filled, model.dependencies, *model.reads(start, end))
        select = rename_schemas(model.statement(window_parameters(start, end)), schemas)
        found = connection.execute(f"select t::text from ({select}) as t order by 1".encode()).fetchall()
    assert sorted(text for (text,) in found) == rows


@pytest.mark.parametrize("model", [m for m in ON_DUCKDB if "schema_usage_" in m.name], ids=lambda model: model.table)
def test_slices_of_a_day_give_the_rows_of_the_day(
    filled: Settings, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = published(filled, model.table)
    monkeypatch.setattr(engines, "MOST_ROWS_OF_SLICE", 10)
    publishing.replace(Database(filled), model, periods("day", DAYS[0], DAYS[-1]))
    assert published(filled, model.table) == rows


def test_a_long_window_is_computed_in_parts(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each partition has an open file in the lake, and a process may open about a thousand."""
    model = declared().aggregates["registry.module_activity_daily"]
    rows, asked = published(filled, model.table), []
    compute = DuckDBEngine.compute

    def watched(engine: DuckDBEngine, *arguments: Any) -> Any:
        asked.append(arguments[2:])
        return compute(engine, *arguments)

    monkeypatch.setattr(lake_tables, "PARTITIONS_AT_ONCE", 2)
    monkeypatch.setattr(DuckDBEngine, "compute", watched)
    publishing.replace(Database(filled), model, periods("day", DAYS[0], DAYS[-1]))
    assert asked[:2] == [(DAYS[0], DAYS[2]), (DAYS[2], DAYS[2] + timedelta(days=1))]
    assert published(filled, model.table) == rows
    files = ask(filled.database_url, "select day, rows from ops.current_lake_files where table_name = %s order by 1",
                [model.table])  # fmt: skip
    assert files == [{"day": day, "rows": sum(row.startswith(f"({day},") for row in rows)} for day in DAYS]


def utc(hour: int, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_slices_are_days_together_until_there_are_too_many_rows() -> None:
    daily = declared().aggregates["registry.language_stats_daily"]
    few, many = MOST_ROWS_OF_SLICE // 2, MOST_ROWS_OF_SLICE + 1
    rows = {DAYS[0]: few, DAYS[1]: few, DAYS[2]: many}
    end = DAYS[-1] + timedelta(days=2)  # its last day has no rows
    found = [(part.start, part.end) for part in slices(daily, rows, DAYS[0], end)]
    assert found == [(utc(0), utc(0, DAYS[2])), (utc(0, DAYS[2]), utc(0, DAYS[2] + timedelta(days=1))),
                     (utc(0, DAYS[2] + timedelta(days=1)), utc(0, end))]  # fmt: skip


def test_a_large_day_of_minutes_is_cut_into_hours_and_one_of_days_is_not() -> None:
    rows = {DAY: MOST_ROWS_OF_SLICE + 1}
    minutes = list(slices(declared().aggregates["usage.schema_usage_1m"], rows, DAY, DAY + timedelta(days=1)))
    assert [(part.start, part.end) for part in minutes] == [
        (utc(0) + timedelta(hours=n), utc(0) + timedelta(hours=n + 1)) for n in range(24)
    ]
    assert minutes[23].parameters == {"start": "2025-03-10 23:00:00+00", "end": "2025-03-11 00:00:00+00"}
    whole = list(slices(declared().aggregates["usage.schema_usage_1d"], rows, DAY, DAY + timedelta(days=1)))
    assert [(part.start, part.end) for part in whole] == [(utc(0), utc(0, DAYS[1]))]


def test_a_file_of_before_a_column_was_added_has_null_in_it(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(n, cache_hit=True) for n in range(5)])
    [loaded], _ = load(database)
    lake, old = FolderLake(settings.lake_dir), loaded.file
    table = pq.read_table(lake.verified(old)).drop_columns(["cache_hit"])
    path = settings.lake_dir / "older.parquet"
    pq.write_table(table, path)
    name, digest = lake.place(path, DOWNLOADS, DAY)
    size = (settings.lake_dir / name).stat().st_size
    older = replace(old, path=name, sha256=digest, size_bytes=size, contract_version="older")
    with database.transaction() as connection:
        lake_files.book(connection, older, None)
    publishing.replace(database, declared().aggregates["registry.module_activity_daily"], {DAY: DAYS[1]})
    columns = list(declared().aggregates["registry.module_activity_daily"].columns)
    made = [dict(zip(columns, row.strip("()").split(","), strict=True)) for row in published(settings, ACTIVITY)]
    assert [(row["download_count"], row["download_cache_known_count"]) for row in made] == [("1", "0")] * 5


def test_percentiles_are_those_of_postgresql_or_refused() -> None:
    model = declared().aggregates["registry.language_stats_daily"]
    written = "select percentile_cont(0.95) within group (order by a.b) from t"
    assert (
        "postgres_percentile(list_sort(list(a.b::double) filter (where a.b is not null)), 0.95"
        in as_postgres_computes(model, written)
    )
    for other in (
        "select percentile_cont(0.5) within group (order by a + 1) from t",
        "select percentile_cont(0.5) within group (order by a) filter (where b) from t",
        "select percentile_cont(:p) within group (order by a desc) from t",
    ):
        with pytest.raises(UnsupportedError, match=r"language_stats_daily\.sql: expected percentile_cont"):
            as_postgres_computes(model, other)


@pytest.mark.parametrize(("value", "shown"), [("101.64999999999999", "101.7"), ("0.25", "0.3"), ("2.0", "2.0")])
def test_doubles_are_rounded_as_postgresql_rounds_them(database: Database, value: str, shown: str) -> None:
    model = declared().aggregates["registry.language_stats_daily"]
    select = f"select cast({value}::double precision as decimal(18, 1))::text as shown"
    assert ask(database.settings.database_url, select) == [{"shown": shown}]
    with duckdb.connect() as engine:
        assert engine.execute(as_postgres_computes(model, select)).fetchall() == [(shown,)]


def test_a_column_of_a_type_that_is_not_passed_on_is_refused(settings: Settings) -> None:
    model = declared().aggregates["registry.language_stats_daily"]
    engine = DuckDBEngine(FolderLake(settings.lake_dir), declared().contracts, {"registry.compilation_events": []}, 128,
                          settings.temporary_dir)  # fmt: skip
    compute = partial(engine.compute, model, {"day": "date", "language": "interval"}, DAY, DAYS[1])
    with pytest.raises(UnsupportedError, match="the column language has the type interval"), compute() as batches:
        list(batches)
