"""Runs whose connections are ended at a chosen statement, of a check or of Dagster's own books; and full disks."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy
from dagster import DagsterInstance, RunsFilter
from dagster._core.storage.tags import WILL_RETRY_TAG
from events import DAY, all_tables, ask, download, restored_environment, write

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import incidents, notifier, runs
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import explained, is_lost
from analytics_etl.postgres.pool import close_pools

FAMILIES_IN_USE = ("registry",)

DAILY = [runs.Job("daily", DAY, DAY, ("registry",))]


@pytest.fixture
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    write(settings, "download_events/a.ndjson", [download(n) for n in range(10)])
    with restored_environment(), dagster_instance.instance(settings) as opened:
        yield opened


@contextmanager
def ending_connections(settings: Settings, driver: str, is_due: Callable[[str], bool]) -> Iterator[list[str]]:
    """End the connection of a driver of SQLAlchemy at each statement that is due, before it is executed."""
    ended: list[str] = []

    def end(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if connection.dialect.driver == driver and is_due(f"{statement} {parameters}"):
            raw = connection.connection.dbapi_connection
            pid = raw.info.backend_pid
            ended.append(statement)
            ask(settings.database_url, "select pg_terminate_backend(%s, 10000)", [pid])

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", end)
    try:
        yield ended
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, "before_cursor_execute", end)


def at(number: int, part: str) -> Callable[[str], bool]:
    """The statement of a number, from 1, among those that name something."""
    seen = 0

    def is_due(statement: str) -> bool:
        nonlocal seen
        seen += part in statement
        return seen == number and part in statement

    return is_due


def kept(instance: DagsterInstance) -> list[tuple[str, str | None]]:
    """(status, whether it is run again) of all runs, oldest first."""
    found = instance.get_run_records(RunsFilter(), ascending=True)
    return [(r.dagster_run.status.name, r.dagster_run.tags.get(WILL_RETRY_TAG)) for r in found]


def test_dagsters_books_share_a_connection_that_is_replaced_when_it_is_lost(
    settings: Settings, instance: DagsterInstance
) -> None:
    ours = (
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        "and backend_type = 'client backend'"
    )
    close_pools()
    for _ in range(2):
        assert instance.get_runs_count() == 0
        assert list(instance.all_asset_keys()) == []
        assert list(instance.all_instigator_state()) == []
    [first] = ask(settings.database_url, ours)
    ask(settings.database_url, "select pg_terminate_backend(%s, 10000)", [first["pid"]])
    assert instance.get_runs_count() == 0
    [second] = ask(settings.database_url, ours)
    assert second != first


def test_migrations_try_again(
    settings: Settings, instance: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    migrations.downgrade(settings, migrations.revisions()[-2])  # so that there is something to do
    with ending_connections(settings, "psycopg", at(1, "analytics_etl migrate")) as ended:
        runs.execute(settings, DAILY, lambda *_: None)
    assert len(ended) == 1
    assert kept(instance) == [("SUCCESS", None)]
    assert "Traceback" not in caplog.text
    assert ask(settings.database_url, "select 1 from ops.check_results where not passed and severity = 'error'") == []


def test_checks_try_again(
    settings: Settings, instance: DagsterInstance, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    is_due, execute = at(12, "from ops.batch_"), psycopg.Cursor.execute

    def ending(self: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        if is_due(text := str(getattr(query, "_obj", query)).lower()):
            ended.append(text)
            ask(settings.database_url, "select pg_terminate_backend(%s, 10000)", [self.connection.info.backend_pid])
        return execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", ending)
    runs.execute(settings, DAILY, lambda *_: None)
    assert len(ended) == 1
    assert kept(instance) == [("SUCCESS", None)]
    assert "Traceback" not in caplog.text
    assert ask(settings.database_url, "select 1 from ops.check_results where not passed and severity = 'error'") == []


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (2, "INSERT INTO event_logs"),
        (1, "'step_key': 'registry__overview_daily__checks'"),
    ],  # early; after failed checks
)
def test_a_job_is_run_again_when_dagster_loses_its_books(
    settings: Settings, instance: DagsterInstance, number: int, part: str
) -> None:
    said: list[str] = []
    with ending_connections(settings, "psycopg2", at(number, part)) as ended:
        runs.execute(settings, DAILY, lambda what, *_: said.append(what))
    assert len(ended) == 1
    assert kept(instance) == [("FAILURE", "true"), ("SUCCESS", None)]
    assert [what for what in said if "was lost; running it again" in what] == [
        f"{DAILY[0]}: the connection to the database was lost; running it again"
    ]
    assert len(all_tables(settings)["registry.download_events"]) == 10
    notifier.notify(Database(settings), instance, datetime.now(UTC))
    told = [row["kind"] for row in ask(settings.database_url, "select kind from ops.notifications")]
    assert told == []  # the run that failed is not told, since its successor did not
    assert notifier.notify(Database(settings), instance, datetime.now(UTC) + incidents.RETRY_GRACE * 2).new == 0


def test_a_run_that_is_killed_before_it_is_run_again_is_told_once(
    settings: Settings, instance: DagsterInstance
) -> None:
    def stop(what: str, *_: int) -> None:
        if "running it again" in what:
            raise KeyboardInterrupt  # the process ends between the mark and the next try

    with ending_connections(settings, "psycopg2", at(2, "INSERT INTO event_logs")), pytest.raises(KeyboardInterrupt):
        runs.execute(settings, DAILY, stop, {"analytics_etl/notify": "true"})
    assert kept(instance) == [("FAILURE", "true")]
    now, grace = datetime.now(UTC), incidents.RETRY_GRACE
    moments = [now, now + grace - timedelta(minutes=1), now + grace, now + grace * 2, now + grace * 5]
    assert [notifier.notify(Database(settings), instance, at).new for at in moments] == [0, 0, 1, 0, 0]
    [told] = ask(settings.database_url, "select kind, body from ops.notifications")
    assert told["kind"] == "run_failed"
    assert "It was to be run again by itself, and 15 minutes later it had not been." in told["body"]


def test_a_job_is_run_again_when_dagster_cannot_even_write_that_a_step_failed(
    settings: Settings, instance: DagsterInstance
) -> None:
    first, second = at(2, "'dagster_event_type': 'STEP_START'"), at(1, "'dagster_event_type': 'STEP_FAILURE'")
    with ending_connections(settings, "psycopg2", lambda text: first(text) or second(text)) as ended:
        runs.execute(settings, DAILY, lambda *_: None)
    assert len(ended) == 2
    assert kept(instance) == [("FAILURE", "true"), ("SUCCESS", None)]


def test_a_connection_that_is_always_lost_is_given_up(settings: Settings, instance: DagsterInstance) -> None:
    def is_due(statement: str) -> bool:
        return statement.startswith("INSERT INTO event_logs") and "PIPELINE_START'" in statement

    with (
        ending_connections(settings, "psycopg2", is_due) as ended,
        pytest.raises(sqlalchemy.exc.OperationalError) as raised,
    ):
        runs.execute(settings, DAILY, lambda *_: None)
    assert len(ended) == 3
    assert is_lost(raised.value)
    said = explained(raised.value)
    assert said is not None
    assert said.startswith("the connection to the database was lost: ")
    assert kept(instance)[:2] == [("FAILURE", "true")] * 2


def test_a_full_disk_is_named() -> None:
    full = psycopg.errors.DiskFull('could not extend file "base/1/2": No space left on device')
    wrapped = sqlalchemy.exc.OperationalError("insert", {}, full)
    for error in (full, wrapped, OSError(errno.ENOSPC, "No space left on device", "/x/part")):
        said = explained(error)
        assert said is not None
        assert said.startswith("the disk is full: ")
        assert "No space left on device" in said
        assert not is_lost(error)


def test_other_errors_stay_what_they_are(settings: Settings) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero) as raised:
        ask(settings.database_url, "select 1 / 0")
    assert explained(raised.value) is None
    assert not is_lost(raised.value)
    assert not is_lost(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"))
    assert explained(ValueError("x")) is None
