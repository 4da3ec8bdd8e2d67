"""The migrations against the declared DDL: what `upgrade` makes is what `sql/` says, and no `downgrade` loses a row."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import sql_engines
from conftest import Server, needs_second_postgres, settings_in

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import SQL_DIR, Settings
from analytics_etl.postgres import migrations

DECLARED = sorted([*SQL_DIR.glob("ops/*.sql"), *SQL_DIR.glob("*/events/*.sql")])
CATALOG = Catalog()

# Every catalog that could tell two schemas apart. `dagster` belongs to Dagster, `schema_version` to Alembic.
OTHERS = "'pg_catalog', 'information_schema', 'pg_toast', 'dagster'"
OURS = f"n.nspname not in ({OTHERS}) and c.relname not like 'schema_version%'"
CATALOGS = {
    "tables": f"""
        select n.nspname, c.relname, c.relkind::text, c.relpersistence::text, pg_get_partkeydef(c.oid),
            obj_description(c.oid, 'pg_class')
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where {OURS}""",
    "columns": f"""
        select n.nspname, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), a.attstorage::text,
            a.attcollation::regcollation::text, col_description(c.oid, a.attnum)
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attnum > 0 and {OURS}""",
    "constraints": f"""
        select n.nspname, c.relname, k.conname, k.contype::text, k.convalidated, pg_get_constraintdef(k.oid)
        from pg_constraint as k
        join pg_class as c on c.oid = k.conrelid join pg_namespace as n on n.oid = c.relnamespace where {OURS}""",
    "indexes": f"""
        select n.nspname, c.relname, pg_get_indexdef(i.indexrelid), i.indisunique, i.indisvalid
        from pg_index as i
        join pg_class as c on c.oid = i.indrelid join pg_namespace as n on n.oid = c.relnamespace where {OURS}""",
    "others": f"""
        select n.nspname, c.relname, t.tgname from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
        where not t.tgisinternal and {OURS}
        union all
        select n.nspname, p.proname, 'function' from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname not in ('pg_catalog', 'information_schema')""",
}

Structure = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Empty:
    """A database without anything in it."""

    settings: Settings

    def connect(self) -> psycopg.Connection[Any]:
        assert self.settings.database_url is not None
        return psycopg.connect(self.settings.database_url, autocommit=True)

    def structure(self) -> Structure:
        """What the catalogs say of our tables."""
        with self.connect() as connection:
            return {
                name: sorted(connection.execute(query.encode()).fetchall(), key=repr)
                for name, query in CATALOGS.items()
            }


@contextmanager
def empty_database(server: Server, folder: Path) -> Iterator[Empty]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0".encode())
    try:
        yield Empty(settings_in(folder, server.url(name)))
    finally:
        server.drop(server.url(name))


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> Iterator[Empty]:
    with empty_database(server, tmp_path) as database:
        yield database


@pytest.fixture(scope="module")
def declared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Structure]:
    """What the DDL files make when they are simply run."""
    with empty_database(server, tmp_path_factory.mktemp("declared")) as database:
        yield run_declared(database)


def run_declared(database: Empty) -> Structure:
    with database.connect() as connection:
        for schema in sorted({path.relative_to(SQL_DIR).parts[0] for path in DECLARED}):
            connection.execute(f"create schema {schema}".encode())
        for path in DECLARED:
            connection.execute(path.read_bytes())
    return database.structure()


def names(structure: Structure) -> set[str]:
    return {f"{schema}.{table}" for schema, table, kind, *_ in structure["tables"] if kind in ("r", "p")}


def test_upgrade_makes_what_is_declared(empty: Empty, declared: Structure) -> None:
    assert migrations.current(empty.settings) is None
    assert migrations.upgrade(empty.settings) == migrations.head() == migrations.current(empty.settings)
    made = empty.structure()
    assert names(declared) >= {*CATALOG.contracts, "ops.partitions", "ops.loaded_files", "ops.audit"}
    for what, rows in declared.items():
        assert made[what] == rows, what


@needs_second_postgres
def test_upgrade_makes_what_is_declared_on_another_version(second_server: Server, tmp_path: Path) -> None:
    with empty_database(second_server, tmp_path) as plain, empty_database(second_server, tmp_path) as migrated:
        migrations.upgrade(migrated.settings)
        assert migrated.structure() == run_declared(plain)


def test_a_difference_would_be_noticed(empty: Empty, declared: Structure) -> None:
    migrations.upgrade(empty.settings)
    changes = {
        "columns": "alter table ops.audit alter column reason set not null",
        "constraints": "alter table ops.loaded_days drop constraint nothing_lost",
        "indexes": "drop index ops.rejected_rows_by_day",
        "tables": "comment on table ops.audit is 'another'",
    }
    for what, change in changes.items():
        with empty.connect() as connection:
            connection.execute(change.encode())
        assert empty.structure()[what] != declared[what], change


def test_upgrade_twice_is_upgrade_once(empty: Empty) -> None:
    migrations.upgrade(empty.settings)
    once = empty.structure()
    with empty.connect() as connection:
        connection.execute("insert into ops.audit (actor, action, subject) values ('a', 'b', 'c')")
    assert migrations.upgrade(empty.settings) == migrations.head()
    assert empty.structure() == once
    with empty.connect() as connection:
        assert connection.execute("select count(*) from ops.audit").fetchall() == [(1,)]


def test_down_and_up_again_gives_the_same(empty: Empty) -> None:
    migrations.upgrade(empty.settings)
    before = empty.structure()
    assert migrations.downgrade(empty.settings, "base") == "base"
    assert names(empty.structure()) == set()
    assert migrations.current(empty.settings) is None
    assert migrations.upgrade(empty.settings) == migrations.head()
    assert empty.structure() == before


def test_files_that_are_known_were_found_when_they_were_last_read(empty: Empty) -> None:
    """Not at their modification time, which may be anything."""
    migrations.upgrade(empty.settings)
    migrations.downgrade(empty.settings, "0008")
    with empty.connect() as connection:
        connection.execute(
            "insert into ops.loaded_files (table_name, path, size_bytes, modified_at, checksum, state, rows_read, "
            "rows_valid, rows_rejected, read_at) "
            "values ('t', 'p', 1, '1980-01-01Z', 'c', 'read', 1, 1, 0, '2025-03-10 12:00Z')"
        )
    migrations.upgrade(empty.settings)
    with empty.connect() as connection:
        found = connection.execute("select found_at, rows_not_for_table from ops.loaded_files").fetchall()
    assert found == [(datetime(2025, 3, 10, 12, tzinfo=UTC), 0)]


def all_tables() -> list[str]:
    return [f"{path.relative_to(SQL_DIR).parts[0]}.{name}" for path in DECLARED for name in tables_in(path)]


def tables_in(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split(".")[1].split(" ")[0] for line in lines if line.startswith("create table ")]


def test_forecasts_with_other_columns_are_missing_afterwards(empty: Empty) -> None:
    """Else each run would refuse the table. They can be made again; those of a table that only sounds alike stay."""
    migrations.upgrade(empty.settings, "0024")
    with empty.connect() as connection:
        for table in ("usage.forecasts", "usage.forecasts_of_mine"):
            connection.execute(f"create table {table} (day date)".encode())
            connection.execute(
                "insert into ops.partitions (table_name, period_start, period_end, rows, code_version, duration_ms) "
                "values (%s, '2025-03-31', '2025-04-01', 0, 'v', 0)",
                [table],
            )
            connection.execute(
                "insert into ops.lake_files (path, table_name, day, rows, size_bytes, sha256, contract_version, "
                "has_personal_data) values (%s, %s, '2025-03-31', 0, 0, 's', 'v', false)",
                [table, table],
            )
        migrations.upgrade(empty.settings)
        engine = sql_engines.Postgres(connection, {})
        kept = [{"table_name": "usage.forecasts_of_mine"}]
        assert engine.rows("select table_name from ops.partitions") == kept
        assert engine.rows("select table_name from ops.current_lake_files") == kept
        assert engine.rows("select to_regclass('usage.forecasts')::text as table_name") == [{"table_name": None}]
        assert engine.rows("select count(*) as rows from usage.forecasts_of_mine") == [{"rows": 0}]


def test_gauges_with_other_columns_are_missing_afterwards(empty: Empty) -> None:
    """Tables and views alike; another table of the family stays."""
    migrations.upgrade(empty.settings, "0028")
    with empty.connect() as connection:
        connection.execute("create table platform.service_gauges_1d (day date, avg_cpu_percent double precision)")
        connection.execute("create view platform.service_gauges_5m as select 1 as avg_cpu_percent")
        connection.execute("create table platform.metric_1d (day date)")
        for table in ("service_gauges_1d", "service_gauges_5m", "metric_1d"):
            connection.execute(
                "insert into ops.partitions (table_name, period_start, period_end, rows, code_version, duration_ms) "
                "values ('platform.' || %s, '2025-03-31', '2025-04-01', 0, 'v', 0)",
                [table],
            )
        migrations.upgrade(empty.settings)
        engine = sql_engines.Postgres(connection, {})
        assert engine.rows("select table_name from ops.partitions") == [{"table_name": "platform.metric_1d"}]
        assert engine.rows("select relname from pg_class where relname like 'service_gauges_%'") == []
        assert engine.rows("select count(*) as rows from platform.metric_1d") == [{"rows": 0}]


def test_downgrade_refuses_to_lose_rows_of_any_table(empty: Empty) -> None:
    """Not of one of them: a table the downgrade forgets would be dropped with its rows."""
    migrations.upgrade(empty.settings)
    structure = empty.structure()
    assert set(all_tables()) == names(structure)
    with empty.connect() as connection:
        tables = sql_engines.described_tables(connection, CATALOG)
        engine = sql_engines.Postgres(connection, tables)
        for table in all_tables():
            partition = f"{table}_rest"
            row: sql_engines.Row = given(table)
            if table in CATALOG.contracts:
                connection.execute(f"create table {partition} partition of {table} default".encode())
            engine.insert(table, [row])
            rows = engine.rows(f"select * from {table}")
            assert len(rows) == 1
            with pytest.raises(psycopg.errors.RaiseException) as refusal:
                migrations.downgrade(empty.settings, "base")
            assert (
                refusal.value.diag.message_primary == f"the table {table} holds rows, which this downgrade would lose"
            )
            assert "empty the table first" in str(refusal.value.diag.message_hint)
            assert migrations.current(empty.settings) == migrations.head()
            assert engine.rows(f"select * from {table}") == rows
            connection.execute(f"delete from {table}".encode())
            if table in CATALOG.contracts:
                connection.execute(f"drop table {partition}".encode())
    assert empty.structure() == structure


def given(table: str) -> sql_engines.Row:
    """What a row of a table must say and has no default for."""
    moment = datetime(2025, 3, 31, 12, tzinfo=UTC)
    if table in CATALOG.contracts:
        return {CATALOG.contracts[table].time_column: moment}
    rows: dict[str, sql_engines.Row] = {
        "ops.audit": {"actor": "a", "action": "b", "subject": "c"},
        "ops.archives": {
            "day": moment,
            "state": "verified",
            "sha256": "s",
            "rows": 1,
            "size_bytes": 1,
            "manifest": "{}",
        },
        "ops.anomaly_feedback": {
            **dict.fromkeys(("family", "series_id", "aspect", "direction", "who"), "a"),
            "bucket": moment,
            "ends_at": moment + timedelta(hours=1),
            "verdict": "confirmed",
        },
        "ops.alert_rules": {"name": "n", "who": "w"},
        "ops.api_tokens": {"sha256": "0" * 64, "name": "n", "role": "viewer", "expires_at": moment},
        "ops.run_requests": {
            "request_id": uuid4(),
            "first_day": moment,
            "last_day": moment,
            "requested_by": "a",
        },
        "ops.lake_files": {"day": moment, "sha256": "s", "contract_version": "c", "has_personal_data": False},
        "ops.personal_removals": {
            "day": moment,
            "place": "archive",
            "values_removed": 0,
            "before": "{}",
            "after": "{}",
        },
        "ops.changes": {
            "period_start": moment,
            "published": True,
            "rows_before": 0,
            "rows_after": 0,
            "rows_added": 0,
            "rows_removed": 0,
            "rows_changed": 0,
            "measures": "{}",
            "code_version_before": "a",
            "code_version_after": "b",
        },
        "ops.check_results": {
            "check_name": "c",
            "period_start": moment,
            "passed": True,
            "severity": "warn",
            "description": "d",
            "unexpected_count": 0,
            "sample": "[]",
        },
        "ops.loaded_days": {"day": moment},
        "ops.dropped_days": {"day": moment, "rows": 1},
        "ops.days": {"day": moment, "state": "final", "final_from": moment},
        "ops.reports": {"family": "f", "cadence": "daily", "period_start": moment},
        "ops.report_figures": {"family": "f", "cadence": "daily", "period_start": moment, "figure": "n"},
        "ops.partitions": {"period_start": moment},
        "ops.refreshed_views": {"view_name": "v", "refreshed_at": moment},
        "ops.written_reports": {
            "family": "f",
            "cadence": "daily",
            "period_start": moment,
            "written_at": moment,
            "final_from": moment,
            "is_final": True,
            "has_next": False,
        },
        "ops.check_failures": {
            "check_name": "c",
            "period_start": moment,
            "severity": "warn",
            "description": "d",
            "unexpected_count": 1,
            "sample": "[]",
            "findings": "f",
            "run_id": "r",
        },
        "ops.notifications": {
            "dedup_key": "k",
            "kind": "k",
            "subject": "s",
            "body": "b",
            "details": "{}",
            "owners": ["o"],
        },
        "ops.deliveries": {"notification_id": 1, "receiver": "r", "next_attempt_at": moment},
        "ops.collections": {"source": "s", "reached_at": moment},
        "ops.alert_days": {"day": moment},
        "ops.alert_states": {"day": moment, "alert_key": "k", "alert_state": "{}"},
        "ops.alert_transitions": {
            "alert_key": "k",
            "happened_at": moment,
            "position": 0,
            "family": "f",
            "severity": "low",
            "rule": "r",
            "rule_version": "v",
            "alert_labels": "{}",
            "incident": 1,
            "state_before": "inactive",
            "state_after": "triggered",
        },
        "ops.alert_commands": {"alert_key": "k", "kind": "resolve", "given_at": moment, "who": "w"},
        "ops.alert_silences": {"matchers": "{}", "starts_at": moment, "ends_at": moment, "who": "w"},
        "ops.alert_told": {"told": "{}"},
    }
    return rows.get(table, {})


def test_downgrade_refuses_days_that_only_the_lake_has(empty: Empty) -> None:
    migrations.upgrade(empty.settings)
    with empty.connect() as connection:
        connection.execute("insert into ops.archives (table_name, day, state) values ('t', '2025-03-31', 'archived')")
        with pytest.raises(psycopg.errors.RaiseException, match=r"ops\.archives holds rows") as refusal:
            migrations.downgrade(empty.settings, "0014")
        assert "Restore the archived days" in str(refusal.value.diag.message_hint)
        connection.execute("delete from ops.archives")
    assert migrations.downgrade(empty.settings, "0014") == "0014"


UPGRADE = """
import sys
from pathlib import Path
from analytics_etl.config.settings import Settings
from analytics_etl.postgres import migrations
print(migrations.upgrade(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2])))
"""


def test_two_upgrades_at_once_both_succeed(empty: Empty, declared: Structure) -> None:
    url = empty.settings.database_url
    assert url is not None
    command = [sys.executable, "-c", UPGRADE, str(empty.settings.home), url]
    with empty.connect() as connection:
        # Both are let go at the same moment, when both have come to the lock.
        connection.execute("select pg_advisory_lock(hashtextextended('analytics_etl migrate', 0))")
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
        waiting = (
            "select count(*) from pg_locks join pg_database as d on d.oid = database where not granted and datname = %s"
        )
        deadline = time.monotonic() + 60
        while connection.execute(waiting, [urlsplit(url).path[1:]]).fetchone() != (2,):
            assert time.monotonic() < deadline, "the upgrades do not wait for each other"
            assert all(process.poll() is None for process in processes), "an upgrade did not wait"
            time.sleep(0.05)
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert [(out.strip(), code) for out, _, code in outcomes] == [(migrations.head(), 0)] * 2, outcomes
    assert empty.structure() == declared


def test_a_revision_that_does_not_exist_changes_nothing(empty: Empty) -> None:
    migrations.upgrade(empty.settings)
    before = empty.structure()
    with pytest.raises(Exception, match="9999"):
        migrations.upgrade(empty.settings, "9999")
    assert empty.structure() == before
    assert migrations.current(empty.settings) == migrations.head()
