"""Both engines evaluate checks alike: each case in PostgreSQL, then again with the rows in the lake alone."""

import gc
import json
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sql_engines
from books import leftovers
from conftest import Server, settings_in
from events import DAY, DOWNLOADS, aggregate, ask, declared, download, event_id, execute, load, write
from lakes import day_of, lake_of
from sql_engines import CASES, SOME_DAY, Case, Postgres, all_models, complete, read_case

from analytics_etl.catalog.calendar import period_end
from analytics_etl.catalog.catalog import kept_in_lake
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks import Check, CheckError, checked_table, declared_checks, in_postgres, places, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.checks.in_lake import LakeWindow
from analytics_etl.checks.parts import split
from analytics_etl.checks.places import PLACEHOLDERS
from analytics_etl.config.settings import Settings
from analytics_etl.lake import Lake, LakeError, open_lake
from analytics_etl.ops import lake_files
from analytics_etl.ops.records import CheckResult, PartitionRecord, record_partition
from analytics_etl.postgres.database import Database
from analytics_etl.tables import held_rows
from analytics_etl.tables.archiving import Archiver

MODELS = all_models()
NEXT_DAY = DAY + timedelta(days=1)
ACTIVITY, STATS = "registry.module_activity_daily", "registry.module_stats_daily"


CHECK_CASES = [
    case
    for path in sorted(CASES.glob("*/*/*.yaml"))
    if MODELS[f"{path.parent.parent.name}.{path.parent.name}"].kind == "checks"
    if (case := read_case(path, MODELS)).window and not kept_in_lake(declared()).isdisjoint(case.given)
]


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Postgres]]:
    """A database with every table, empty."""
    with sql_engines.postgres(server, declared()) as engine:
        url = server.url(engine.connection.info.dbname)
        yield Database(settings_in(tmp_path_factory.mktemp("engines"), url, SOME_DAY)), engine


@contextmanager
def given(world: tuple[Database, Postgres], case: Case) -> Iterator[None]:
    """The rows of a case, in PostgreSQL and in the lake, with what the books say of both."""
    database, engine = world
    for table, of_table in case.given.items():
        engine.insert(table, of_table)
    books_and_views = {table for table in case.given if table.startswith("ops.") or table in declared().views}
    events = {table: of_table for table, of_table in case.given.items() if table not in books_and_views}
    in_lake = {table: of_table for table, of_table in events.items() if table in kept_in_lake(declared())}
    files = lake_of(database.settings.lake_dir, declared(), engine.tables, in_lake).files
    with database.transaction() as connection:
        for table, of_table in events.items():
            for start, count in starts(engine, table, of_table).items():
                end = period_end(cadence_of(table), start)
                record_partition(connection, PartitionRecord(table, start, end, count, "v", 0))
        for file in (file for of_table in files.values() for file in of_table):
            lake_files.book(connection, file, None)
    try:
        yield
    finally:
        for table in (*case.given, "ops.partitions", "ops.lake_files"):
            engine.execute(f"truncate {table} cascade")


def starts(engine: Postgres, table: str, of_table: Sequence[dict[str, Any]]) -> dict[date, int]:
    """{first day of a partition: its rows}."""
    contract, found = declared().contracts.get(table), dict[date, int]()
    period = contract.time_column if contract else declared().aggregates[table].key[0]
    for row in complete(engine.tables, table, of_table):
        found[day_of(row[period])] = found.get(day_of(row[period]), 0) + 1
    return found


def leave_postgres(world: tuple[Database, Postgres], tables: Sequence[str]) -> None:
    """From now on the lake alone has the rows."""
    _, engine = world
    for table in tables:
        engine.execute(f"truncate {table}")
        engine.execute(f"update ops.partitions set in_postgres = false where table_name = '{table}'")


def as_json(result: CheckResult) -> tuple[bool, int, list[str]]:
    """What the books keep of a result; the rows of a SELECT have no order."""
    return result.passed, result.unexpected_count, sorted(json.dumps(row, default=str) for row in result.sample)


@pytest.mark.parametrize("case", CHECK_CASES, ids=lambda case: "-".join(case.path.with_suffix("").parts[-3:]))
def test_a_case_is_judged_alike_when_only_the_lake_has_the_rows(
    world: tuple[Database, Postgres], case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, table = world[0], case.table or checked_table(case.model, targets(declared()))
    [found] = [c for c in declared_checks(declared())[table] if c.query and c.query.path == case.model.path
               and c.query.table == case.model.table]  # fmt: skip
    one = replace(found, query=case.model, select=case.model.select)
    window = {case.window["start"]: case.window["end"]}
    with given(world, case):
        [by_postgres] = evaluate(database, targets(declared())[table], [one], window)
        leave_postgres(world, [name for name in case.given if name in kept_in_lake(declared())])
        with monkeypatch.context() as patch:
            patch.setattr(in_postgres, "failed", only_nothing)
            [by_duckdb] = evaluate(database, targets(declared())[table], [one], window)
    assert as_json(by_duckdb) == as_json(by_postgres)
    assert by_postgres.unexpected_count == len(case.expect)


def only_nothing(database: Database, target: Any, checks: Sequence[Check], *window: date) -> dict[str, Any]:
    """PostgreSQL is not asked for anything."""
    assert checks == [], f"{database} {target} {window}"
    return {}


# -- a day that only the lake has -------------------------------------------------------------------------------------


@pytest.fixture
def archived(settings: Settings) -> Database:
    """Two days of downloads with their aggregates; of both, the lake alone has the raw rows."""
    database = Database(settings)
    for day in (DAY, NEXT_DAY):
        write(settings, f"download_events/{day}.ndjson", [download(n, day, ip_address="10.0.0.1") for n in range(40)])
    load(database, DOWNLOADS, DAY, NEXT_DAY)
    aggregate(database, DAY, NEXT_DAY, families=["registry"])
    for day in (DAY, NEXT_DAY):
        Archiver(settings).drop(declared().contracts[DOWNLOADS], day, "test")
    return database


def judged(database: Database, *checks: Check, days: int = 1) -> list[CheckResult]:
    of = {DAY + timedelta(days=n): DAY + timedelta(days=n + 1) for n in range(days)}
    return evaluate(database, targets(declared())[checks[0].table], checks, of)


def of_select(select: str, table: str = DOWNLOADS, **changes: Any) -> Check:
    return Check(table, "a_select", "d", "error", "unexpected_rows_expectation", {}, select, **changes)


def test_a_kind_that_only_great_expectations_knows_gets_the_columns_it_names(archived: Database) -> None:
    url = archived.settings.database_url
    arguments = {"column": "module_name", "regex": "^module-[1-4]$"}
    words = Check(DOWNLOADS, "words", "d", "error", "expect_column_values_to_match_regex", arguments)
    personal = Check(DOWNLOADS, "short", "d", "error", "expect_column_value_lengths_to_be_between",
                     {"column": "ip_address", "max_value": 1})  # fmt: skip
    count = Check(DOWNLOADS, "count", "d", "error", "expect_table_row_count_to_be_between", {"max_value": 40})
    by_word, by_length, by_count = judged(archived, words, personal, count)
    assert (by_word.unexpected_count, by_length.unexpected_count, by_count.passed) == (8, 20 * 2, True)
    assert {row["module_name"] for row in by_word.sample} == {"module-0"}
    assert {row["event_id"] for row in by_word.sample} == {UUID(event_id(n)) for n in range(0, 40, 5)}
    assert {row["ip_address"] for row in by_length.sample} == {"(withheld)"}
    assert leftovers(url) == []


def test_columns_are_judged_in_the_lake_and_show_what_postgresql_shows(archived: Database) -> None:
    slow = Check(DOWNLOADS, "slow", "d", "error", "expect_column_values_to_be_between",
                 {"column": "file_size", "max_value": 136})  # fmt: skip
    [found] = judged(archived, slow)
    assert (found.unexpected_count, json.loads(json.dumps(found.sample, default=str))) == (
        3,
        [{"event_id": event_id(n), "file_size": 100 + n} for n in (37, 38, 39)],
    )


def test_the_day_that_is_wrong_is_found_among_several(archived: Database) -> None:
    odd = of_select(f"select day, event_id from {{batch}} where day = '{NEXT_DAY}' and file_size < 102")
    results = {result.start: result for result in judged(archived, odd, days=2)}
    assert {day: result.unexpected_count for day, result in results.items()} == {DAY: 0, NEXT_DAY: 2}
    assert [row["event_id"] for row in results[NEXT_DAY].sample] == [UUID(event_id(0)), UUID(event_id(1))]


def test_a_table_of_postgresql_can_be_joined_to_rows_of_the_lake(archived: Database) -> None:
    """It is brought, but only the days that are read and the columns that are named."""
    execute(archived.settings.database_url, f"update {STATS} set download_count = 99 where module_name = 'module-1'")
    query = replace(
        declared().checks["registry.module_stats_daily_matches_events"],
        select=f"select e.module_name, s.download_count, count(*) as events from {DOWNLOADS} as e join {STATS} as s "
        "on s.module_name = e.module_name and s.day = (e.downloaded_at at time zone 'UTC')::date "
        "where e.downloaded_at >= :start and e.downloaded_at < :end "
        "group by 1, 2 having count(*) <> s.download_count",
    )
    [found] = judged(archived, of_select(query.select, STATS, query=query))
    assert [tuple(row.values()) for row in found.sample] == [("module-1", 99, 8)]


def test_a_table_may_be_read_in_the_lake_for_a_range_and_brought_for_a_day(
    archived: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FEW_ROWS", 50)  # a day has 40
    select = (
        f"select e.event_id from {DOWNLOADS} as e join {ACTIVITY} as a using (user_id) where a.day >= :start::date "
        "and a.day < :end::date and e.downloaded_at >= :start and e.downloaded_at < :end and a.download_count > 0"
    )
    query = replace(declared().checks["registry.module_activity_daily_matches_events"], select=select)
    found = judged(archived, of_select(select, ACTIVITY, query=query), days=2)
    pairs = sum(((40 - user + 6) // 7) ** 2 for user in range(7))
    assert [(result.start, result.unexpected_count) for result in found] == [(DAY, pairs), (NEXT_DAY, pairs)]


def test_a_fine_grained_table_is_judged_without_rows_or_partitions(archived: Database) -> None:
    named = declared_checks(declared())[ACTIVITY]
    after = DAY + timedelta(days=5)
    aggregate(archived, after, after, families=["registry"])
    assert [row["rows"] for row in ask(archived.settings.database_url, "select rows from ops.partitions where "
            "table_name = %s and period_start = %s", [ACTIVITY, after])] == [0]  # fmt: skip
    for day in (DAY, after, after + timedelta(days=1)):  # of the last one there is no partition
        results = evaluate(archived, targets(declared())[ACTIVITY], named, {day: day + timedelta(days=1)})
        assert [result.name for result in results if not result.passed] == []
    # The rows of a day in the lake that its events do not have are told, each column as PostgreSQL would give it.
    execute(archived.settings.database_url, f"update ops.lake_files set day = '{after}' "
            f"where table_name = '{DOWNLOADS}' and day = '{DAY}'")  # fmt: skip
    execute(archived.settings.database_url, f"update ops.partitions set rows = 0 "
            f"where table_name = '{DOWNLOADS}' and period_start = '{DAY}'")  # fmt: skip
    [found] = judged(archived, *(check for check in named if check.name == "matches_events"))
    [row] = found.sample
    assert json.dumps({name: row[name] for name in ("download_count", "downloads_in_events")}, default=str) == (
        '{"download_count": "40", "downloads_in_events": null}'
    )


def test_a_damaged_file_is_never_judged(archived: Database) -> None:
    path = next((archived.settings.lake_dir / "registry/download_events" / f"day={DAY}").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(LakeError, match=f"is damaged .*{DAY}.*load the day again"):
        judged(archived, *declared_checks(declared())[DOWNLOADS])


def test_a_session_holds_the_lake_whose_files_it_reads(archived: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake on S3 may drop its copies of files when it is no longer used."""
    opened, alive, failed = list[weakref.ref[Lake]](), list[bool](), LakeWindow._unexpected

    def noted(settings: Settings) -> Lake:
        lake = open_lake(settings)
        opened.append(weakref.ref(lake))
        return lake

    def watched(window: LakeWindow, check: Check) -> Any:
        gc.collect()
        alive.extend(reference() is not None for reference in opened)
        return failed(window, check)

    monkeypatch.setattr(held_rows, "open_lake", noted)
    monkeypatch.setattr(LakeWindow, "_unexpected", watched)
    judged(archived, *(check for check in declared_checks(declared())[DOWNLOADS] if check.name == "loaded_equals_read"))
    assert alive == [True]


# -- who evaluates ----------------------------------------------------------------------------------------------------

OF_POSTGRESQL = "select day, to_char(day, 'IYYY') as year from {batch} where file_size < 102"


def test_what_duckdb_does_not_know_is_left_to_postgresql_or_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, contract = Database(settings), declared().contracts[DOWNLOADS]
    write(settings, "download_events/a.ndjson", [download(n) for n in range(5)])
    load(database)
    monkeypatch.setattr(places, "FEW_ROWS", 0)
    [found] = judged(database, of_select(OF_POSTGRESQL))
    assert [row["year"] for row in found.sample] == [str(DAY.year)] * 2
    Archiver(settings).drop(contract, DAY, "test")
    with pytest.raises(CheckError, match=r"a_select: DuckDB, which reads the lake, does not know .* to_char"):
        judged(database, of_select(OF_POSTGRESQL))


def test_few_rows_that_postgresql_has_are_judged_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(settings)
    write(settings, "download_events/a.ndjson", [download(n) for n in range(5)])
    load(database)
    named = [check for check in declared_checks(declared())[DOWNLOADS] if check.name == "loaded_equals_read"]
    execute(settings.database_url, f"delete from {DOWNLOADS} where event_id = '{event_id(3)}'")
    for few, passed in ((5, False), (4, True)):
        monkeypatch.setattr(places, "FEW_ROWS", few)
        assert [result.passed for result in judged(database, *named)] == [passed], "the lake has all five"


def test_what_must_be_brought_decides_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(settings)
    write(settings, "download_events/a.ndjson", [download(n) for n in range(20)])
    load(database)
    aggregate(database, DAY, DAY, families=["registry"])
    monkeypatch.setattr(places, "FEW_ROWS", 19)
    named = [check for check in declared_checks(declared())["registry.version_stats_daily"] if check.others]
    named += [check for check in declared_checks(declared())[STATS] if check.name == "matches_events"]
    evaluated, failed = set[str](), LakeWindow.failed

    def noted(window: LakeWindow) -> Any:
        evaluated.update(check.name for check in window.checks)
        return failed(window)

    monkeypatch.setattr(LakeWindow, "failed", noted)
    for most, in_lake in ((4, set[str]()), (5, {"matches_events"})):  # the table has five modules
        monkeypatch.setattr(places, "MOST_BROUGHT_ROWS", most)
        assert [result.passed for check in named for result in judged(database, check)] == [True, True]
        assert evaluated == in_lake


# -- the parts of a SELECT --------------------------------------------------------------------------------------------


def test_postgresql_computes_the_ctes_of_its_own_tables() -> None:
    select = """with a as (select x from f.own), b as materialized (select (x) as y from a), c (z) as (values (1)),
        d as (select y from b join f.lake using (x))
        -- with a comment (
        select y from d join b using (y) join c on z = y"""
    found = split(select, {"f.own"}, {"f.lake"})
    assert " ".join(found.select.split()) == (
        "with c (z) as (values (1)), d as (select y from b join f.lake using (x)) "
        "select y from d join b using (y) join c on z = y"
    )
    assert {name: " ".join(text.split()) for name, text in found.brought.items()} == {
        "b": "with a as (select x from f.own), b as materialized (select (x) as y from a), c (z) as (values (1)) "
        "select * from b"
    }


@pytest.mark.parametrize(
    "select",
    [
        "select x from f.own join f.lake using (x)",
        "with recursive a as (select x from f.own union all select x + 1 from a) select x from a join f.lake using (x)",
        'with a as (select x from f.own join "f"."lake" using (x)) select x from a',
    ],
)
def test_other_selects_stay_as_they_are(select: str) -> None:
    found = split(select, {"f.own"}, {"f.lake"})
    assert (" ".join(found.select.split()), found.brought) == (select, {})


def test_a_batch_is_never_of_postgresql() -> None:
    assert split("with a as (select 1 from {batch}, f.own) select 1 from a", {"f.own"}, PLACEHOLDERS).brought == {}
