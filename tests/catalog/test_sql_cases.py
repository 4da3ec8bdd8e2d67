"""Every case of `tests/cases`, on PostgreSQL and DuckDB, in sessions of several time zones; and where lists end."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import sql_engines
import yaml
from _pytest.mark import ParameterSet
from conftest import Server, needs_second_postgres
from sql_engines import (
    CASES,
    ENGINES,
    ORDERED,
    ZONES,
    Case,
    DuckDB,
    Engine,
    Postgres,
    Row,
    all_models,
    plain,
    statement_of,
    unordered,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model
from analytics_etl.families.functions import function_of
from analytics_etl.lake.writing import ARROW_TYPES

MODELS = all_models()
PATHS = sorted(CASES.glob("*/*/*.yaml"))
BATCH = "ops.window_case"


@pytest.fixture(scope="module")
def postgres(server: Server, catalog: Catalog) -> Iterator[Postgres]:
    with sql_engines.postgres(server, catalog) as engine:
        yield engine


@pytest.fixture(scope="module")
def second_postgres(second_server: Server, catalog: Catalog) -> Iterator[Postgres]:
    with sql_engines.postgres(second_server, catalog) as engine:
        yield engine


@pytest.fixture(scope="module")
def duckdb(postgres: Postgres) -> Iterator[DuckDB]:
    with sql_engines.duckdb_like(postgres.tables) as engine:
        yield engine


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


def run(engine: Engine, case: Case, catalog: Catalog) -> list[Row]:
    """The result of a case, which must be the same in every time zone."""
    results = {}
    with engine.undone():
        give(engine, case)
        if case.table is not None:
            window = case.window["start"], case.window["end"]
            engine.execute(sql_engines.batch_view(BATCH, catalog, case.table, *window))
        statement = statement_of(case, catalog, BATCH)
        for zone in ZONES:
            engine.set_zone(zone)
            rows = engine.rows(statement)
            results[zone] = rows if case.model.kind in ORDERED or case.model.function else unordered(rows)
    for zone in ZONES[1:]:
        assert results[zone] == results["UTC"], f"another result in {zone}"
    return unordered(made(case.model, results["UTC"])) if case.model.function else results["UTC"]


def made(model: Model, rows: list[Row]) -> list[Row]:
    """The rows that the function of a table makes of those of its SELECT."""
    assert model.function is not None
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in model.function.types.items()])
    batches = pa.Table.from_pylist(rows).to_batches() if rows else []
    found = [row for batch in function_of(model)(iter(batches), schema) for row in batch.to_pylist()]
    return [{name: plain(value) for name, value in row.items()} for row in found]


def give(engine: Engine, case: Case) -> None:
    for table, rows in case.given.items():
        if table == "source":  # a foreign file's columns, all text, and the line
            columns = ", ".join(f"{name} {'bigint' if name == '_line' else 'varchar'}" for name in rows[0])
            engine.execute(f"create table source ({columns})")
            for row in rows:
                values = ", ".join("null" if v is None else "'" + str(v).replace("'", "''") + "'" for v in row.values())
                engine.execute(f"insert into source values ({values})")
        else:
            engine.insert(table, rows)


def runs() -> Iterator[ParameterSet]:
    """Each case with each engine it is for."""
    for path in PATHS:
        name = "-".join(path.with_suffix("").parts[-3:])
        for engine in yaml.safe_load(path.read_text(encoding="utf-8")).get("engines", ENGINES):
            yield pytest.param(engine, path, id=f"{name}-{engine}")
            if engine == "postgres":
                yield pytest.param("second_postgres", path, id=f"{name}-second_postgres", marks=needs_second_postgres)


@pytest.mark.parametrize(("engine", "path"), list(runs()), indirect=["engine"])
def test_case(engine: Engine, path: Path, catalog: Catalog) -> None:
    case = sql_engines.read_case(path, MODELS)
    expected = [{column: plain(value) for column, value in row.items()} for row in case.expect]
    assert run(engine, case, catalog) == (expected if case.model.kind in ORDERED else unordered(expected))


def module_days(count: int, name: str, **days: int) -> list[Row]:
    """`count` modules with as many downloads on each day (given as dYYYYMMDD) each."""
    return [
        {"day": date.fromisoformat(day[1:]), "module_name": f"{name}{number:03}", "download_count": downloads}
        | {"total_download_bytes": 0}
        for number in range(count)
        for day, downloads in days.items()
    ]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_top_modules_end_at_place_100(engine: Engine, catalog: Catalog) -> None:
    select = catalog.views["registry.top_modules_30d"].statement({})
    with engine.undone():
        engine.insert("registry.module_stats_daily", module_days(102, "m", d20250331=1)[::-1])
        found = [(row["rank"], row["module_name"]) for row in engine.rows(select)]
    assert sorted(found) == [(number + 1, f"m{number:03}") for number in range(100)]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_trending_modules_end_at_place_50_new_ones_apart(engine: Engine, catalog: Catalog) -> None:
    select = catalog.views["registry.trending_modules"].statement({})
    with engine.undone():
        engine.insert("registry.module_stats_daily", module_days(52, "grown", d20250324=10, d20250331=20)[::-1])
        engine.insert("registry.module_stats_daily", module_days(52, "new", d20250331=20)[::-1])
        found = [(row["rank"] or 0, row["module_name"]) for row in engine.rows(select)]
    assert sorted(found) == sorted(
        [(number + 1, f"grown{number:03}") for number in range(50)] + [(0, f"new{number:03}") for number in range(50)]
    )


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_check_of_top_modules_knows_that_the_list_ends(engine: Engine, catalog: Catalog) -> None:
    """With 100 modules in the view only one with more downloads than the last of them is left out wrongly."""
    select = sql_engines.check_statement(
        catalog.checks["registry.top_modules_30d_agrees_with_days"],
        catalog,
        None,
        BATCH,
        date(2025, 3, 31),
        date(2025, 3, 31),
    )
    listed = [(f"m{number:03}", 6 if number else 9) for number in range(100)]
    with engine.undone():
        for name, downloads in [*listed, ("as many", 6), ("more", 7)]:
            engine.insert("registry.module_stats_daily", module_days(1, name, d20250331=downloads))
        for rank, (name, downloads) in enumerate(listed, 1):
            row = {"rank": rank, "module_name": f"{name}000", "download_count": downloads}
            engine.insert("registry.top_modules_30d", [row])
        assert [row["module_name"] for row in engine.rows(select)] == ["more000"]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_throughput_of_a_service_is_events_per_second(engine: Engine, catalog: Catalog) -> None:
    """1,250 events in a minute, 25 of them errors, are 20.83 a second and 2 %."""
    events = [{"occurred_at": "2025-03-31T12:00:30Z", "service_id": "play", "success": n >= 25} for n in range(1250)]
    window = {"start": "2025-03-31 00:00:00+00", "end": "2025-04-01 00:00:00+00"}
    select = catalog.aggregates["services.service_stats_1m"].statement(window)
    with engine.undone():
        engine.insert("services.performance_events", events)
        [row] = engine.rows(select)
    assert (row["event_count"], row["error_count"]) == (1250, 25)
    assert (round(row["throughput"], 2), row["error_rate"], row["success_rate"]) == (20.83, 0.02, 0.98)


def test_a_case_that_gives_what_the_statement_does_not_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry" / "active_users_daily" / "case.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{description: d, given: {registry.download_events: []}, window: {start: 1, end: 2}, expect: []}")
    with pytest.raises(sql_engines.CaseError, match=r"case\.yaml: gives \['registry\.download_events'\]"):
        sql_engines.read_case(path, MODELS)
