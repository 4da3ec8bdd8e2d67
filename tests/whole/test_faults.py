"""Killed at any step, twice at once, connection lost: readers see whole days, and the next run puts everything right.

The runs to be killed are children of a process that has imported everything: this file, run as a program.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

import dagster as dg
import psutil
import psycopg
import pytest
from books import leftovers
from conftest import Server, reachable_folder, settings_in
from events import (
    DAY,
    DOWNLOADS,
    aggregate,
    all_tables,
    ask,
    compilation,
    declared,
    download,
    load,
    read_for_children,
    view,
    write,
)

from analytics_etl.config.settings import Settings
from analytics_etl.disk.scratch import Scratch
from analytics_etl.engines import instances
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.postgres import migrations
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.connection import LOST_CONNECTION, DatabaseError, database_url
from analytics_etl.postgres.database import Database
from analytics_etl.tables.batches import batch_view
from analytics_etl.tables.loading import DayLoad

FAMILIES_IN_USE = ("registry",)

SEED = 20250310
ROWS = 300

Tables = dict[str, list[str]]


# -- the run that is disturbed ---------------------------------------------------------------------------------------


def count_steps(at_step: Callable[[int, str], None]) -> None:
    """From now on call `at_step` with a number before every statement, and before and after every commit."""
    number = 0

    def step(what: str) -> None:
        nonlocal number
        number += 1
        at_step(number, what)

    def before(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def called(self: Any, *arguments: Any, **options: Any) -> Any:
            step(what)
            return function(self, *arguments, **options)

        return called

    def commit(self: Any) -> None:
        step("commit")
        plain_commit(self)
        step("committed")

    plain_commit = psycopg.Connection.commit
    psycopg.Cursor.execute = before(psycopg.Cursor.execute, "statement")  # type: ignore[method-assign]
    psycopg.Cursor.copy = before(psycopg.Cursor.copy, "copy")  # type: ignore[method-assign]
    psycopg.Connection.commit = commit  # type: ignore[method-assign]


def run_day(settings: Settings) -> None:
    """What a run of the day of the registry does to the database, a check's view of its batch included."""
    database = Database(settings)
    for contract in declared().contracts.values():
        if contract.family == "registry":
            load(database, contract.table)
    aggregate(database, DAY, DAY, ["day"], ["registry"])
    with batch_view(database.settings, "registry.module_stats_daily", "day", DAY, DAY + timedelta(days=1)) as batch:
        database.query(f"select count(*) as count from {batch}")


def child(settings: Settings, kill_at: int, answer: int) -> None:
    steps: list[str] = []

    def at_step(number: int, what: str) -> None:
        steps.append(what)
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    count_steps(at_step)
    run_day(settings)
    instances.close_kept()  # as at the end of a process; this one ends at once
    os.write(answer, json.dumps(steps).encode())


def serve() -> None:
    """Read a request a line, fork a child for each run it asks for, answer how they ended."""
    for text in sys.stdin:
        request = json.loads(text)
        home, landing, lake = (Path(request[name]) for name in ("home", "landing_dir", "lake_dir"))
        url, families = request["database_url"], FAMILIES_IN_USE
        settings = Settings(home=home, landing_dir=landing, lake_dir=lake, database_url=url, families=families)
        read_for_children(settings)
        children = []
        for kill_at in request["kill_at"]:
            reading, writing = os.pipe()
            with warnings.catch_warnings(action="ignore"):
                pid = os.fork()
            if pid == 0:
                os.close(reading)
                try:
                    child(settings, kill_at, writing)
                except BaseException as error:  # noqa: BLE001 - told to whoever asked
                    os.write(writing, json.dumps(repr(error)).encode())
                    os._exit(1)
                os._exit(0)
            os.close(writing)
            children.append((pid, reading))
        ended = []
        for pid, reading in children:
            with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a file descriptor
                said = pipe.read()
            _, status = os.waitpid(pid, 0)
            ended.append({"code": os.waitstatus_to_exitcode(status), "said": json.loads(said or "null")})
        print(json.dumps(ended), flush=True)  # noqa: T201 - the answer


class Runner:
    """The process whose children are the runs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent.parent)},
        )  # fmt: skip

    def run(self, settings: Settings, *kill_at: int) -> list[dict[str, Any]]:
        """Run the day in as many processes at once as steps are named (0 = not killed); how each ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        folders = {
            "home": str(settings.home), "landing_dir": str(settings.landing_dir), "lake_dir": str(settings.lake_dir)
        }  # fmt: skip
        request = {**folders, "database_url": settings.database_url, "kill_at": kill_at or (0,)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        ended: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return ended

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


def write_version(settings: Settings, version: int) -> None:
    """The day's landing files: other numbers of rows and other sizes in each version."""
    count = ROWS + 50 * version
    write(settings, "download_events/a.ndjson", [download(n, file_size=version * 1000 + n) for n in range(count)])
    bad = [download(n, file_size=-version) for n in range(5 * version)]
    write(settings, "download_events/c.ndjson.zst", [*bad, *(download(n, file_size=version) for n in range(10))])
    write(settings, "module_view_events/a.ndjson", [view(n) for n in range(count)])
    write(settings, "compilation_events/a.ndjson", [compilation(n) for n in range(count // 2)])


def everything(settings: Settings) -> Tables:
    """All tables and what the books say of files and rows."""
    url = settings.database_url or database_url(settings)
    books = {
        name: [row["text"] for row in ask(url, f"select ({columns})::text as text from ops.{name} order by 1")]
        for name, columns in {
            "loaded_files": "table_name, path, checksum, state, rows_read, rows_valid, rows_rejected",
            "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate",
            "rejected_rows": "table_name, path, line, reason, content",
            "partitions": "table_name, period_start, period_end, rows",
        }.items()
    }
    return all_tables(replace(settings, database_url=url)) | books


def assert_equal(found: Tables, expected: Tables) -> None:
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table


class Reader(threading.Thread):
    """Reads the day's downloads again and again, and keeps what it saw."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url, self._ends = url, threading.Event()
        self.seen: set[str] = set()
        self.error: Exception | None = None

    def run(self) -> None:
        query = f"select t::text from {DOWNLOADS} as t order by 1"
        try:
            with psycopg.connect(self._url, autocommit=True, options="-c timezone=UTC") as connection:
                while not self._ends.is_set():
                    self.seen.add(digest([row[0] for row in connection.execute(query.encode())]))
                    time.sleep(0.01)  # the runs need the processor, too
        except psycopg.Error as error:
            self.error = error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self.join()


def digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


# -- the tests -------------------------------------------------------------------------------------------------------


def test_killed_at_any_step(server: Server, settings: Settings, runner: Runner, tmp_path: Path) -> None:
    # What is right, from runs that nobody disturbs, each in a database of its own.
    right: dict[int, Tables] = {}
    for version in (1, 2):
        other = settings_in(tmp_path / f"right{version}", server.clone(), families=FAMILIES_IN_USE)
        write_version(other, version)
        [ended] = runner.run(other)
        assert ended["code"] == 0, ended
        right[version] = everything(other)
        assert other.database_url is not None
        server.drop(other.database_url)
    assert len(right[1][DOWNLOADS]) + 50 == len(right[2][DOWNLOADS])

    write_version(settings, 1)
    for _ in range(2):  # the second run makes no tables, as those to be killed will not
        [ended] = runner.run(settings)
        assert ended["code"] == 0
        steps = ended["said"]
    assert_equal(everything(settings), right[1])

    first_commit = steps.index("copy") + steps[steps.index("copy") :].index("commit") + 1
    chosen = random.Random(SEED).sample(range(1, len(steps) - 10), 3)
    at = {name: digest(right[version][DOWNLOADS]) for version, name in ((1, "one"), (2, "two"))}
    assert settings.database_url is not None
    for round_, kill_at in enumerate(sorted({*chosen, first_commit, first_commit + 1, len(steps) - 4})):
        old, new = (1, 2) if round_ % 2 == 0 else (2, 1)
        write_version(settings, new)
        with Reader(settings.database_url) as reader:
            [ended] = runner.run(settings, kill_at)
            assert ended["code"] == -signal.SIGKILL, (kill_at, ended)
            half_way = everything(settings)
            for table, rows in half_way.items():
                if table not in ("loaded_files", "loaded_days", "rejected_rows", "partitions"):
                    assert rows in (right[old][table], right[new][table]), (table, kill_at, steps[kill_at - 1])
            [ended] = runner.run(settings)
            assert ended["code"] == 0, (kill_at, ended)
        assert reader.error is None
        assert reader.seen <= set(at.values())
        assert_equal(everything(settings), right[new])
        assert leftovers(settings.database_url) == [], (kill_at, steps[kill_at - 1])
    assert list(settings.temporary_dir.iterdir()) == []


def test_two_runs_of_the_same_day_at_once(settings: Settings, runner: Runner) -> None:
    for version in (1, 2):
        write_version(settings, version)
        assert [ended["code"] for ended in runner.run(settings, 0, 0)] == [0, 0]
        both = everything(settings)
        assert runner.run(settings)[0]["code"] == 0
        assert_equal(everything(settings), both)
        assert len(both[DOWNLOADS]) == ROWS + 50 * version
        assert leftovers(settings.database_url) == []


def test_a_folder_left_behind_is_cleared_and_one_in_use_is_not(settings: Settings, database: Database) -> None:
    write_version(settings, 1)
    left = settings.temporary_dir / "reader-left"
    left.mkdir(parents=True)
    (left / "unpacked.parquet").write_bytes(b"x" * 1000)
    in_use = Scratch(settings.temporary_dir)
    assert not left.exists()
    load(database)
    assert list(settings.temporary_dir.iterdir()) == [in_use.path]
    in_use.remove()
    assert list(settings.temporary_dir.iterdir()) == []


@pytest.fixture
def embedded_home() -> Iterator[Path]:
    folder = reachable_folder()
    yield folder
    embedded.stop(folder / "home")
    shutil.rmtree(folder)


def test_the_server_is_killed_at_any_step(embedded_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(settings_in(embedded_home, "", families=FAMILIES_IN_USE), database_url=None)
    migrations.upgrade(settings)
    write_version(settings, 1)
    run_day(settings)
    right = {1: everything(settings)}
    write_version(settings, 2)
    run_day(settings)
    right[2] = everything(settings)

    for original in ("Cursor.execute", "Cursor.copy", "Connection.commit"):
        holder, name = original.split(".")
        monkeypatch.setattr(getattr(psycopg, holder), name, getattr(getattr(psycopg, holder), name))
    at_number, steps = 0, 0

    def kill(number: int, _: str) -> None:
        nonlocal steps
        steps = number
        if number == at_number:
            pid_file = settings.home / "postgres" / "data" / "postmaster.pid"
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            process.kill()
            psutil.wait_procs([process], timeout=10)

    count_steps(kill)
    run_day(settings)
    total = steps
    chance = random.Random(SEED)
    for version, part in ((1, 0.1), (2, 0.4), (1, 0.8)):
        write_version(settings, version)
        at_number = steps + round(total * (part + 0.1 * chance.random()))
        with contextlib.suppress(*LOST_CONNECTION, DatabaseError):
            run_day(settings)
        assert steps >= at_number
        run_day(settings)
        assert_equal(everything(settings), right[version])
        assert leftovers(database_url(settings)) == []


def materialize(settings: Settings, table: str, day: date) -> dg.ExecuteInProcessResult:
    """One partition of one asset through Dagster, on an instance in memory."""
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            asset_selection=[asset_key(table)],
            partition_key=day.isoformat(),
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def test_a_lost_connection_is_tried_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(settings, 1)
    times: list[float] = []
    publish = DayLoad.publish

    def lose_the_first(self: DayLoad, *arguments: Any) -> Any:
        times.append(time.monotonic())
        if len(times) == 1:
            pid = self.connection.info.backend_pid
            ask(settings.database_url, "select pg_terminate_backend(%s, 10000)", [pid])
        return publish(self, *arguments)

    monkeypatch.setattr(DayLoad, "publish", lose_the_first)
    result = materialize(settings, DOWNLOADS, DAY)
    assert result.success
    assert len(times) == 2
    kinds = [event.event_type.name for event in result.all_events]
    assert [kind for kind in kinds if kind in ("STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_FAILURE")] == [
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
    ]
    assert len(all_tables(settings)[DOWNLOADS]) == ROWS + 50
    assert leftovers(settings.database_url) == []


def test_a_mistake_is_not_tried_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(settings, 1)

    def fail(self: DayLoad, *_: Any) -> Any:
        self.connection.execute("select 1 / 0")

    monkeypatch.setattr(DayLoad, "publish", fail)
    result = materialize(settings, DOWNLOADS, DAY)
    assert not result.success
    assert "STEP_UP_FOR_RETRY" not in {event.event_type.name for event in result.all_events}
    assert all_tables(settings)[DOWNLOADS] == []


def test_the_command_is_killed_in_its_middle(settings: Settings) -> None:
    write_version(settings, 1)
    environment = {
        **os.environ,
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": str(settings.database_url),
        "ANALYTICS_LANDING_DIR": str(settings.landing_dir),
        "ANALYTICS_REPORTS_DIR": str(settings.reports_dir),
        "ANALYTICS_LAKE": str(settings.lake_dir),
    }
    command = [sys.executable, "-m", "analytics_etl.cli", "run", DAY.isoformat(), "--family", "registry"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for text in process.stderr:
            said += text
            if "registry.module_activity_daily" in text:
                process.kill()
    assert process.returncode == -signal.SIGKILL, said
    run_day(settings)
    assert len(all_tables(settings)[DOWNLOADS]) == ROWS + 50
    assert leftovers(settings.database_url) == []


if __name__ == "__main__":
    serve()
