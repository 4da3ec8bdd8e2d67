"""A child process of the simulation: runs an unchanged command of the product, and halts it at a given point.

A point is a progress line and a number of statements after it. Statements and commits of the product, of Great
Expectations and of Dagster count. At the point the child reports where it is, and waits for the word to go on; so a
fault happens exactly there. The parent of all children imports this module once, with all that commands need.
"""

import io
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import dagster as dg
import dagster_postgres  # noqa: F401 - imported by Dagster when it opens its storage
import great_expectations.expectations  # noqa: F401 - imported by the first check
import psycopg
import sqlalchemy

from analytics_etl import cli
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import housekeeping, notifier
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline import lake_upkeep, retention
from analytics_etl.pipeline import planning as missing  # noqa: F401 - imported by commands
from analytics_etl.postgres.database import Database
from benchmarks.chaos_home import Point

build_defs(Settings())  # parses the SQL files, once for all children


class Watch(io.TextIOBase):
    """The output stream of the child: sends lines to the parent, counts them, and halts at the point."""

    def __init__(self, channel: Connection, point: Point | None) -> None:
        self._channel, self._point = channel, point
        self._turn = threading.RLock()  # when one thread is halted, the others wait at their next step
        self._rest, self._lines, self._statements = "", 0, 0

    def write(self, text: str) -> int:
        with self._turn:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._lines, self._statements = self._lines + 1, 0
                self._channel.send(("line", line))
                self._halt_if_due(line)
        return len(text)

    def step(self, what: str) -> None:
        """Count a step; called before a statement or commit, and after a commit."""
        if threading.current_thread().name.startswith("alive "):
            return  # the heartbeat: it comes every ten seconds, whatever the run does
        with self._turn:
            self._statements += 1
            self._halt_if_due(what)

    def _halt_if_due(self, what: str) -> None:
        point = self._point
        if point is None or (self._lines, self._statements) < (point.line, point.statements):
            return
        self._point = None
        self._channel.send(("halted", what))
        self._channel.recv()


def count_statements(step: Callable[[str], None]) -> None:
    """Call `step` before every statement and commit of psycopg (ours, Great Expectations) and psycopg 2 (Dagster)."""

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(cursor: Any, statement: Any, *arguments: Any, **options: Any) -> Any:
            is_composed = isinstance(statement, psycopg.sql.Composable)
            step(statement.as_string(cursor) if is_composed else str(statement))
            return function(cursor, statement, *arguments, **options)

        return called

    def commit(connection: Any) -> None:
        step("commit")
        plain_commit(connection)
        step("committed")

    plain_commit = psycopg.Connection.commit
    psycopg.Connection.commit = commit  # type: ignore[method-assign, assignment]
    for name in ("execute", "executemany", "copy"):
        setattr(psycopg.Cursor, name, counted(getattr(psycopg.Cursor, name)))

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "before_cursor_execute")
    def of_dagster(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if connection.dialect.driver == "psycopg2":
            step(f"Dagster: {statement}")


def run(
    what: str, arguments: Sequence[str], environment: Mapping[str, str], channel: Connection, point: Point | None
) -> None:  # fmt: skip
    """Run a command of `analytics-etl` or one of the functions below in this child."""
    os.environ.clear()
    os.environ.update(environment)
    watch = Watch(channel, point)
    sys.stderr = sys.stdout = watch
    count_statements(watch.step)
    if what == "analytics-etl":
        cli.main(args=list(arguments), prog_name="analytics-etl")
    else:
        {"sensor": evaluate_abandoned, "later": notify_later, "take over": take_over, "collect": collect}[what]()


def evaluate_abandoned() -> None:
    """Run two ticks of the sensor that fails runs whose process is gone, as the daemon does within two minutes."""
    settings = Settings.from_environment()
    sensor, cursor = housekeeping.build_abandoned_sensor(settings), None
    with dagster_instance.instance(settings) as instance:
        for _ in range(2):
            with dg.build_sensor_context(instance, cursor=cursor) as context:
                sensor.evaluate_tick(context)
                cursor = context.cursor


def take_over() -> None:
    """Give the days that have no file in the lake theirs, as the nightly retention does first."""
    settings = Settings.from_environment()
    for step in retention.plan_taking_over(Database(settings), Catalog.of(settings)):
        retention.take_over(Database(settings), step, "chaos")


def collect() -> None:
    """Remove what nothing refers to, as the nightly retention does a day later: no reader is under way here."""
    lake_upkeep.collect(Database(Settings.from_environment()), 0)


def notify_later() -> None:
    """Run the notifier as if a day later, when refused messages are due again."""
    settings = Settings.from_environment()
    with dagster_instance.instance(settings) as instance:
        print(notifier.notify(Database(settings), instance, datetime.now(UTC) + timedelta(days=1)), file=sys.stderr)
