"""A disk that fills while rows are written: an error within seconds, and nothing is left behind."""

import ast
import errno
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from archived import forget_lake
from events import DOWNLOADS, FILE, aggregate, ask, declared, download, load, many, rows_of, write

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.postgres.connection import connect
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import explained
from analytics_etl.postgres.pool import close_pools
from analytics_etl.tables import partition_rows
from analytics_etl.tables.archiving import Archiver
from analytics_etl.tables.partition_rows import event_rows

FAMILIES_IN_USE = ("registry",)

DAY = date(2025, 3, 10)
SECONDS = 30
"""Far more than what is done here takes, far less than for ever."""


@pytest.fixture
def loaded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A day of some megabytes, more than may wait between the server and us."""
    monkeypatch.setattr(partition_rows, "_BLOCK", 1 << 18)
    write(settings, f"download_events/{DAY}.ndjson", [download(1, DAY)])
    database = Database(settings)
    load(database, DOWNLOADS, DAY)
    columns = [c.name for c in declared().contracts[DOWNLOADS].columns if c.name not in ("event_id", "user_agent")]
    names = ", ".join(columns)
    ask(
        settings.database_url,
        f"insert into {DOWNLOADS} (event_id, user_agent, {names}) select gen_random_uuid(), "
        f"repeat(md5(n::text), 20), {names} from {DOWNLOADS}, generate_series(1, 40000) as n returning 1",
    )
    return database


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A folder into which a megabyte goes: a file system of its own where that may be made, else a limit of files."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if mounted.returncode != 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)


def others(settings: Settings) -> list[dict[str, object]]:
    """Sessions in the database but the one that asks and those that wait to be used again, and their locks."""
    close_pools()
    until = time.monotonic() + 5  # a server's process outlives its connection for a moment
    while True:
        found = ask(
            settings.database_url,
            "select state, query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
            "and backend_type = 'client backend' "
            "union all select 'lock', mode from pg_locks where pid <> pg_backend_pid() "
            "and database = (select oid from pg_database where datname = current_database())",
        )
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


def test_taking_over_into_a_full_lake_ends(loaded: Database) -> None:
    forget_lake(loaded.settings, DOWNLOADS, DAY)
    settings = replace(loaded.settings, lake_dir=loaded.settings.lake_dir.parent / "small")
    met: list[BaseException] = []

    def take_over() -> None:
        try:
            Archiver(settings).take_over(declared().contracts[DOWNLOADS], DAY, "test")
        except BaseException as error:  # noqa: BLE001 - looked at below
            met.append(error)

    with small_disk(settings.lake_dir):
        thread = threading.Thread(target=take_over, daemon=True)
        thread.start()
        thread.join(SECONDS)
        assert not thread.is_alive()
        [error] = met
        assert isinstance(error, OSError)
        assert error.errno in (errno.ENOSPC, errno.EFBIG)
        assert others(settings) == []
        assert [path for path in settings.lake_dir.rglob("*") if path.is_file()] == []
        said = explained(error)
    assert said is not None
    assert said.startswith("the disk is full: ")
    # With room it goes on, and the rows are those of before.
    file = Archiver(loaded.settings).take_over(declared().contracts[DOWNLOADS], DAY, "test")
    assert file.rows == 40_001


def test_loading_into_a_full_lake_changes_nothing_and_with_room_ends_right(settings: Settings) -> None:
    settings = replace(settings, lake_dir=settings.lake_dir.parent / "small")
    write(settings, FILE, [download(1)])
    database = Database(settings)
    with small_disk(settings.lake_dir):
        load(database)
        before = current(settings), rows_of(settings.database_url)
        write(settings, FILE, many(1, 10_000))
        with pytest.raises(OSError, match=r"\[errno|\[Errno") as raised:
            load(database)
        said = explained(raised.value)
        assert said is not None
        assert said.startswith("the disk is full: ")
        assert (current(settings), rows_of(settings.database_url)) == before
        assert others(settings) == []
        there = {path.relative_to(settings.lake_dir).as_posix() for path in settings.lake_dir.rglob("*.parquet")}
        assert there == set(before[0])
    load(database)
    assert len(rows_of(settings.database_url)) == 10_000
    [path] = current(settings)
    assert pq.read_metadata(settings.lake_dir / path).num_rows == 10_000
    aggregate(database, DAY, DAY, ["day"], ["registry"])


def current(settings: Settings) -> list[str]:
    """The paths of the current files, as the books have them."""
    return [row["path"] for row in ask(settings.database_url, "select path from ops.current_lake_files")]


def test_rows_that_are_no_longer_wanted_are_not_read_to_the_end(loaded: Database) -> None:
    columns = ["event_id", "user_agent"]
    rows = event_rows(loaded.settings, declared().contracts[DOWNLOADS], columns, DAY, DAY + timedelta(days=1))
    with closing(rows):
        assert next(rows).num_rows > 0
        assert [row["state"] for row in others(loaded.settings)].count("active") == 1
    assert others(loaded.settings) == []


def test_whoever_reads_from_a_connection_closes_it() -> None:
    """In the source: a generator that reads is only ever taken inside of `closing`, or returned to a caller who does.

    Else it would wait for the collector.
    """
    package = CHECKOUT / "analytics_etl"
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        closed = {
            id(node.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "closing"
        }
        closed |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Return)}
        reads = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and (
                (isinstance(node.func, ast.Name) and node.func.id == "stream")
                or (isinstance(node.func, ast.Name) and node.func.id == "event_rows")
            )
        ]
        assert [f"{path.name}:{node.lineno}" for node in reads if id(node) not in closed] == []


@pytest.mark.parametrize(
    ("setting", "statement", "expected"),
    [
        ("statement_timeout", "select pg_sleep(60)", "a statement took longer than is allowed"),
        ("idle_in_transaction_session_timeout", "select 1", "nothing was heard of a transaction for too long"),
    ],
)
def test_a_session_that_takes_too_long_is_given_up(
    settings: Settings, setting: str, statement: str, expected: str
) -> None:
    def take_long() -> None:
        with connect(settings, {setting: "100ms"}) as connection:
            connection.execute(statement.encode())
            time.sleep(0.5)
            connection.execute("select 1")

    with pytest.raises(psycopg.Error) as raised:
        take_long()
    said = explained(raised.value)
    assert said is not None
    assert said.startswith(expected)
    assert others(settings) == []
