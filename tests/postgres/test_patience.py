"""A reader that idles in a transaction: other readers go on, the change waits for it, or says who is in the way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import psycopg
import pytest
from events import DOWNLOADS, ask, declared, download, execute, forget_what_is_newer, load, write

from analytics_etl.config.settings import Settings
from analytics_etl.pipeline import publishing
from analytics_etl.postgres import migrations, patience
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

DAY = date(2025, 3, 10)
VIEW = "registry.top_modules_30d"

Change = Callable[[Database], object]


@pytest.fixture
def loaded(settings: Settings) -> Database:
    database = Database(settings)
    for day in (DAY, DAY + timedelta(days=1)):
        write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in range(3)])
    load(database, DOWNLOADS, DAY, DAY + timedelta(days=1))
    for table in declared().in_order():
        if table in declared().aggregates and declared().aggregates[table].family == "registry":
            publishing.replace(database, declared().aggregates[table], {DAY: DAY + timedelta(days=1)})
    publishing.refresh(database, declared().views[VIEW])
    return database


@contextmanager
def idle_reader(settings: Settings, table: str) -> Iterator[psycopg.Connection]:
    """A session that has read a table and does not end its transaction."""
    with psycopg.connect(settings.database_url or "", application_name="notebook") as connection:
        connection.execute(f"select count(*) as secret from {table}".encode())
        yield connection


def swap(database: Database) -> object:
    settings = database.settings
    for day in (DAY, DAY + timedelta(days=1)):
        write(settings, f"download_events/more_{day}.ndjson", [download(n, day) for n in range(10, 14)])
    return load(database, DOWNLOADS, DAY, DAY + timedelta(days=1))


def archive(database: Database) -> object:
    contract = declared().contracts[DOWNLOADS]
    return Archiver(database.settings).drop(contract, DAY, "test")


def make_view_anew(database: Database) -> object:
    execute(database.settings.database_url, f"comment on materialized view {VIEW} is 'of before [0]'")
    return publishing.refresh(database, declared().views[VIEW])


def migrate(database: Database) -> object:
    forget_what_is_newer(database.settings)
    return migrations.downgrade(database.settings, "0007")


CHANGES: dict[str, tuple[Change, str]] = {
    "swap": (swap, DOWNLOADS),
    "archive": (archive, DOWNLOADS),
    "view": (make_view_anew, VIEW),
    "migration": (migrate, "ops.days, ops.loaded_files, ops.loaded_days"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_others_read_meanwhile_and_the_change_follows(loaded: Database, name: str) -> None:
    change, table = CHANGES[name]
    settings = loaded.settings
    met: list[BaseException] = []

    def run() -> None:
        try:
            change(loaded)
        except BaseException as error:  # noqa: BLE001 - looked at below
            met.append(error)

    waits = []
    with idle_reader(settings, table):
        thread = threading.Thread(target=run)
        thread.start()
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            began = time.monotonic()
            ask(settings.database_url, f"select count(*) as n from {table}")
            waits.append(time.monotonic() - began)
            time.sleep(0.05)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
    assert met == []
    assert max(waits) < 3
    if name == "swap":
        [count] = ask(settings.database_url, f"select count(*) as n from {DOWNLOADS}")
        assert count["n"] == 14


@pytest.mark.parametrize("name", CHANGES)
def test_patience_ends_with_who_is_in_the_way(
    loaded: Database, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.3)
    change, table = CHANGES[name]
    with idle_reader(loaded.settings, table) as reader:
        pid = reader.info.backend_pid
        with pytest.raises(DatabaseError) as raised:
            change(loaded)
    said = str(raised.value)
    assert f"process {pid} of postgres (notebook), idle in transaction, its last statement began 2" in said
    assert f"select pg_terminate_backend({pid})" in said
    assert "secret" not in said
    [count] = ask(loaded.settings.database_url, f"select count(*) as n from {DOWNLOADS}")
    assert count["n"] == 6
    change(loaded)
