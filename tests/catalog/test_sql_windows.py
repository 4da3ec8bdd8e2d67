"""What every SQL file must keep on sample data: a range is its single days, in every time zone; checks find damage.

Found by walking `sql/`, so a new file is covered as it comes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sql_engines
from archived import put_into_postgres
from conftest import Server, settings_in
from sql_engines import ZONES, Postgres, unordered
from sql_models import CATALOG, LOWEST, MODELS, MOST_EVENTS, in_zones, of, runnable

from analytics_etl import checks
from analytics_etl.catalog.calendar import period_start, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.ops.records import CheckResult, record_report
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.loading import load_days
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database
from analytics_etl.tables.derived import replace_window

FIRST_DAY, LAST_DAY = date(2025, 1, 27), date(2025, 3, 9)
"""The sample: six ISO weeks, whole February, more days than any SELECT looks back."""
RANGE = {"day": date(2025, 2, 25), "week": date(2025, 2, 17), "month": date(2025, 1, 27)}
"""Where the ranges begin that are compared with their single partitions; they end with the sample."""


@dataclass(frozen=True)
class Loaded:
    """A database with every table filled from sample files, and how to connect to it in another time zone."""

    settings: Settings
    catalog: Catalog

    def connect(self, zone: str) -> psycopg.Connection[Any]:
        assert self.settings.database_url is not None
        return psycopg.connect(self.settings.database_url, options=f"-c timezone={zone}")


def families_of(items: Sequence[pytest.Item]) -> tuple[str, ...]:
    """The families whose tables the chosen tests look at: `-k` may leave one, which takes a fraction of the time."""
    chosen = [item for item in items if "loaded" in getattr(item, "fixturenames", ())]
    families = {getattr(item, "callspec").params["model"].family for item in chosen}  # noqa: B009 - mypy knows no callspec
    return tuple(family for family in FAMILIES if {family, "ops"} & families)


@pytest.fixture(scope="module")
def loaded(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    families = families_of([item for item in request.session.items if item.path == request.path])
    catalog = Catalog(parameters=LOWEST, in_use=families)
    settings = settings_in(tmp_path_factory.mktemp("loaded"), server.clone(), FIRST_DAY)
    count = (LAST_DAY - FIRST_DAY).days + 1
    options = SampleOptions(
        LAST_DAY, count, 100, file_format="ndjson", bad_row_ratio=0.02, rhythm=False, families=families
    )
    write_sample(settings.landing_dir, options)
    database = Database(settings)
    days = list(periods("day", FIRST_DAY, LAST_DAY))
    for contract in catalog.contracts.values():
        load_days(contract, {}, database, days, log=lambda _: None)
    for table in catalog.in_order():
        if table in catalog.aggregates:
            model = catalog.aggregates[table]
            publishing.replace(database, model, periods(model.cadence, FIRST_DAY, LAST_DAY))
        elif table in catalog.views:
            publishing.refresh(database, catalog.views[table])
    for model in catalog.aggregates.values():
        if model.is_in_lake_only:  # PostgreSQL, too, must compute from it and give the same
            put_into_postgres(settings, model)
    results = [
        CheckResult(
            table, "a_check", day, day + timedelta(days=1), day.day % 2 == 0, "warn", "A check.", day.day % 2, []
        )
        for table in catalog.contracts
        for day in days
    ]
    record_checks(database, results)
    publish(Loaded(settings, catalog), database)
    yield Loaded(settings, catalog)
    server.drop(settings.database_url or "")


def publish(loaded: Loaded, database: Database) -> None:
    """Weekly reports of every family that were published, and a change after that."""
    catalog, week = loaded.catalog, period_start("week", LAST_DAY)
    for family in catalog.families:
        database.run(record_report, family, "weekly", week, {"figure": 1.0})
    with loaded.connect("UTC") as connection:
        connection.execute(
            """
            insert into ops.changes (table_name, period_start, period_end, published, rows_before, rows_after,
                rows_added, rows_removed, rows_changed, measures, code_version_before, code_version_after)
            select name, %s::date, %s::date + 1, true, 1, 1, 0, 0, 1, '{}', 'a', 'a' from unnest(%s::text[]) as t (name)
            """,
            [week, week, list(catalog.contracts)],
        )
        connection.execute(
            """
            insert into ops.alert_transitions (alert_key, happened_at, position, family, severity, rule, rule_version,
                alert_labels, incident, state_before, state_after)
            select family, %s, 0, family, 'high', 'a', 'v', '{}', 1, 'inactive', 'triggered'
            from unnest(%s::text[]) as t (family)
            """,
            [f"{week} 12:00:00+00", catalog.families],
        )


@pytest.fixture(scope="module")
def damaged(server: Server, loaded: Loaded) -> Iterator[Loaded]:
    """A copy of it in which something is wrong for every check to find."""
    name = urlsplit(loaded.settings.database_url or "").path[1:]
    catalog = loaded.catalog
    settings = replace(loaded.settings, database_url=replace(server, template=name).clone())
    with Loaded(settings, catalog).connect("UTC") as connection:
        for table, model in catalog.aggregates.items():
            leave_out_rows(connection, table, model.key[0])
        for view, model in catalog.views.items():
            # A materialized view cannot be changed; the checks only see its name.
            connection.execute(f"create table ops.copy as select * from {view}".encode())
            connection.execute(
                f"drop materialized view {view}; alter table ops.copy rename to {view.split('.')[1]}".encode()
            )
            connection.execute(f"alter table ops.{view.split('.')[1]} set schema {view.split('.')[0]}".encode())
            count = next(name for name in model.columns if name.endswith("_count"))
            connection.execute(f"update {view} set {count} = {count} + 1".encode())
        for table, contract in catalog.contracts.items():
            copy_events(connection, table, [column.name for column in contract.columns], contract.time_column)
        damage_books(connection)
    yield Loaded(settings, catalog)
    server.drop(settings.database_url or "")


def leave_out_rows(connection: psycopg.Connection[Any], table: str, period: str) -> None:
    """Delete every fifth row of the periods that begin before March."""
    connection.execute(
        f"""
        delete from {table} where ctid in (
            select ctid
            from (select ctid, row_number() over (order by t::text) as number, {period} from {table} as t) as numbered
            where number % 5 = 0 and {period} < '2025-03-01'
        )""".encode()
    )


def copy_events(connection: psycopg.Connection[Any], table: str, columns: Sequence[str], time: str) -> None:
    """Some rows of one day twice, and on the day after once more."""
    day = RANGE["day"] + timedelta(days=2)
    for hours in (0, 24):
        values = ", ".join(f"{name} + interval '{hours} hours'" if name == time else name for name in columns)
        if "completed_at" in columns:
            values = re.sub(r"\bcompleted_at\b", "null", values)
        connection.execute(
            f"""
            insert into {table} ({", ".join(columns)})
            select {values} from (
                select distinct on (event_id) * from {table}
                where {time} >= '{day} 00:00:00+00' and {time} < '{day + timedelta(days=1)} 00:00:00+00'
                order by event_id limit 2
            ) as found""".encode()
        )


def damage_books(connection: psycopg.Connection[Any]) -> None:
    some_days = [LAST_DAY - timedelta(days=days) for days in (1, 3)]
    for statement in (
        "update ops.partitions set rows = 0 where period_start = any(%s)",
        (
            f"update ops.partitions set rows = {MOST_EVENTS + 1} "
            "where period_start = any(select day + 1 from unnest(%s::date[]) as d (day))"
        ),
        "update ops.loaded_files set state = 'gone', reason = 'r' where first_day = any(%s)",
        (
            "update ops.loaded_files set rows_read = 10, rows_rejected = 9 "
            "where first_day = any(select day - 1 from unnest(%s::date[]) as d (day))"
        ),
        "update ops.loaded_days set rows_rejected = rows_rejected + 50, rows_read = rows_read + 50 where day = any(%s)",
        "delete from ops.partitions where period_start = any(select day - 2 from unnest(%s::date[]) as d (day))",
        "delete from ops.loaded_days where day = any(select day - 2 from unnest(%s::date[]) as d (day))",
    ):
        connection.execute(statement.encode(), [some_days])
    connection.execute(
        "insert into ops.loaded_files (table_name, path, size_bytes, modified_at, checksum, state, reason, rows_read, "
        "rows_valid, rows_rejected) select distinct table_name, 'a.csv', 0, now(), 'c', 'rejected', 'r', 0, 0, 0 "
        "from ops.loaded_files"
    )


def lines(connection: psycopg.Connection[Any], select: str) -> list[str]:
    """The rows of a SELECT as text, sorted."""
    found = connection.execute(f"select q::text from ({select}\n) as q".encode()).fetchall()
    return sorted(line for (line,) in found)


OWN_PAST = {
    *(f"{sql_engines.SHARED_IN}.{name}" for name in ("anomalies", "forecasts")),
    "registry.module_catalog_daily",
}
"""Their SELECTs give the past of the whole window, so only what the functions make of it is compared; of few days,
since each takes its time.
"""


def windows(model: Model) -> dict[date, date]:
    if model.table in OWN_PAST:
        return periods("day", LAST_DAY - timedelta(days=3), LAST_DAY)
    cadence = model.cadence if model.kind == "aggregates" else "day"
    if model.kind == "checks" and model.family != "ops":
        table = checks.checked_table(model, checks.targets(CATALOG))
        cadence = CATALOG.derived[table].cadence
    return periods(cadence, RANGE[cadence], LAST_DAY)


@pytest.mark.parametrize(
    "model",
    [m for m in MODELS.values() if m.kind == "aggregates" and m.table not in OWN_PAST],
    ids=lambda model: model.table,
)
@in_zones
def test_days_as_one_range_are_single_days(loaded: Loaded, model: Model, zone: str) -> None:
    single = windows(model)
    with loaded.connect(zone) as connection:
        whole = lines(connection, model.statement(window_parameters(min(single), max(single.values()))))
        each = [lines(connection, model.statement(window_parameters(*window))) for window in single.items()]
    assert sum(map(bool, each)) > 1, "most days of the sample have rows, of what is rare not all"
    assert whole == sorted(line for rows in each for line in rows)


@pytest.mark.parametrize(
    "model", [m for m in MODELS.values() if m.kind == "aggregates" and not m.is_in_lake_only], ids=lambda m: m.table
)
@in_zones
def test_replaced_twice_and_day_by_day_is_replaced_once(loaded: Loaded, model: Model, zone: str) -> None:
    single = dict(list(windows(model).items())[-5:])
    with loaded.connect(zone) as connection, connection.transaction(force_rollback=True):
        content = f"select * from {model.table}"
        once = lines(connection, content)
        assert once
        connection.execute(f"truncate {model.table}".encode())
        everything = periods(model.cadence, FIRST_DAY, LAST_DAY)
        read = model.reads(*model.affected_between(min(everything), max(everything.values())))
        find_inputs = partial(publishing.inputs, connection, loaded.settings, model, *read)
        for _ in range(2):
            replaced = replace_window(connection, model, everything, None, find_inputs)
            assert lines(connection, content) == once
            assert sum(replaced.rows.values()) == len(once)
        for window in reversed(single.items()):
            replace_window(connection, model, dict([window]), None, find_inputs)
        assert lines(connection, content) == once


@of("aggregates", "views", "reports")
def test_every_run_in_every_time_zone_gives_the_same(loaded: Loaded, model: Model) -> None:
    start, after = period_start("week", LAST_DAY), LAST_DAY + timedelta(days=1)
    if model.kind == "aggregates":
        start, after = list(windows(model).items())[-1]
    found = {}
    for zone in ZONES:
        with loaded.connect(zone) as connection:
            engine = Postgres(connection, {})
            select = runnable(engine, model, start, after)
            for run in ("first", "second"):
                rows = engine.rows(select)
                found[zone, run] = rows if model.kind == "reports" else unordered(rows)
    expected = found["UTC", "first"]
    assert bool(expected) != (model.table in NOTHING_UNUSUAL)
    assert {run: rows for run, rows in found.items() if rows != expected} == {}


@of("aggregates")
@in_zones
def test_a_select_reads_no_days_but_those_it_says(loaded: Loaded, model: Model, zone: str) -> None:
    start, end = list(windows(model).items())[-1 - 7 * bool(model.lookahead_days)]
    select = model.statement(window_parameters(start, end))
    first, after = model.reads(start, end)
    with loaded.connect(zone) as connection, connection.transaction(force_rollback=True):
        all_there = lines(connection, select)
        assert all_there
        if first > FIRST_DAY or after <= LAST_DAY:  # else the SELECT reads from the beginning, and there is no end
            keep_only(connection, model, first, after)
            assert lines(connection, select) == all_there
        if after > end:
            keep_only(connection, model, first, end)
            assert lines(connection, select) != all_there, "the days after are not read at all"
        if first < start:
            keep_only(connection, model, start, end)
            assert lines(connection, select) != all_there, "the days before are not read at all"


def keep_only(connection: psycopg.Connection[Any], model: Model, start: date, end: date) -> None:
    """Delete all rows outside [start, end) from the tables a SELECT reads."""
    for table in model.dependencies:
        if table in CATALOG.contracts:
            column, zone = CATALOG.contracts[table].time_column, " 00:00:00+00"
        else:
            column, zone = CATALOG.derived[table].key[0], ""
        deleted = connection.execute(
            f"delete from {table} where not ({column} >= '{start}{zone}' and {column} < '{end}{zone}')".encode()
        )
        assert deleted.rowcount > 0, f"{table} has no rows outside the window"


NOTHING_UNUSUAL = {"services.begun_anomalies", "services.incidents"}
"""Sections of reports that the sample's last week leaves empty: nothing is unusual then."""

TELL_THE_WHOLE_WINDOW = {"ops.undated_files_are_readable"}
"""Checks of what belongs to no day; they tell it with the first day they are asked for."""


@of("checks")
@in_zones
def test_checks_find_damage_in_a_range_as_in_single_days(damaged: Loaded, model: Model, zone: str) -> None:
    view_only = any(model.table.startswith(f"{view}_") for view in CATALOG.views)
    single = {LAST_DAY: LAST_DAY} if view_only else windows(model)

    def found(connection: psycopg.Connection[Any], start: date, end: date) -> list[str]:
        with connection.transaction(force_rollback=True):
            return lines(connection, runnable(Postgres(connection, {}), model, start, end))

    with damaged.connect(zone) as connection:
        whole = found(connection, min(single), max(single.values()))
        each = [found(connection, *window) for window in single.items()]
    assert whole, "the damage is not found"
    if model.table in TELL_THE_WHOLE_WINDOW:
        assert all(each)
    else:
        assert view_only or not all(each), "a day in which nothing is wrong is missing"
        assert whole == sorted(line for rows in each for line in rows)
