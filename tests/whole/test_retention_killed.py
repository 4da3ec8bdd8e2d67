"""Retention killed by SIGKILL at every kind of step, those of taking over too: no row is lost, the next run goes on.

Runs to be killed are children of a process that has imported everything: this file, run as a program. The whole size,
some minutes: `pytest tests/whole/test_retention_killed.py --retention-days 400`.
"""

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from archived import archive, export, forget_lake
from books import leftovers
from conftest import settings_in
from events import aggregate, ask, days_of, execute, read_for_children
from psycopg import sql
from test_retention import (
    NEWEST,
    ODD,
    OLD,
    TABLES,
    contract,
    derived,
    everything_held,
    is_old,
    keeping,
    kept_file,
    load_all,
    run,
    states,
    write_day,
)

from analytics_etl.config.settings import Settings
from analytics_etl.pipeline import lake_upkeep
from analytics_etl.postgres.database import Database
from analytics_etl.tables import archiving, taking_over

OF_STATEMENTS = {
    "copy (": "copy",
    "insert into ops.lake_files": "book",
    "alter table": "detach",
    "drop table": "drop",
    "insert into ops.archives": "record drop",
    "update ops.archives": "forget archive",
    "insert into ops.audit": "audit",
}
"""What a statement begins with -> the kind of step it is; others are of the kind `statement`, or none if they read."""

READ = "read"
OF_ARCHIVES = ["forget archive", "remove", "removed"]
OF_TAKING_OVER = ["copy", "book", "rename", "renamed", "sync"]
OF_ANY = ["audit", "statement", "verify", "commit", "committed"]
OF_DROPPING = ["detach", "drop", "record drop", *OF_ANY]


# -- the process that is killed --------------------------------------------------------------------------------------


def watch_steps(at_step: Callable[[str], None]) -> None:
    """From now on call `at_step` with its kind before each step, and after each commit and rename."""

    def watched(owner: Any, name: str, before: Callable[..., str], after: str | None = None) -> None:
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def call(*arguments: Any, **options: Any) -> Any:
            at_step(before(*arguments))
            result = plain(*arguments, **options)
            if after is not None:
                at_step(after)
            return result

        setattr(owner, name, call)

    watched(psycopg.Cursor, "execute", kind_of)
    watched(psycopg.Cursor, "copy", kind_of)
    watched(psycopg.Connection, "commit", lambda *_: "commit", "committed")
    watched(os, "fsync", lambda *_: "sync")
    watched(Path, "replace", lambda *_: "rename", "renamed")
    watched(Path, "unlink", lambda *_: "remove", "removed")
    watched(archiving, "fingerprint_of_file", lambda *_: "verify")
    watched(taking_over, "fingerprint_of_file", lambda *_: "verify")


def kind_of(cursor: Any, statement: Any, *_: Any) -> str:
    text = statement.as_string(cursor) if isinstance(statement, sql.Composable) else str(statement)
    if text.lstrip().startswith("select"):  # to be killed before it is as to be killed before the step after it
        return READ
    found = [kind for beginning, kind in OF_STATEMENTS.items() if text.lstrip().startswith(beginning)]
    return found[0] if found else "statement"


@dataclass(frozen=True)
class Kill:
    """When a run is killed: at its n-th step of a kind (any kind when None) after some days are taken over or dropped,
    or later by its parent, wherever it then is.
    """

    kind: str | None = None
    number: int = 1
    days: int = 0
    seconds: float | None = None


def retain(settings: Settings, kill: Kill | None, answer: int) -> None:
    """What the child does."""
    passed: Counter[str] = Counter()

    def at_step(kind: str) -> None:
        if kind == READ:
            return
        passed["days"] += kind in ("book", "detach")
        if kill is not None and kill.seconds is None and passed["days"] >= kill.days and kill.kind in (None, kind):
            passed["here"] += 1
            if passed["here"] == kill.number:
                os.kill(os.getpid(), signal.SIGKILL)

    watch_steps(at_step)
    run(Database(settings))
    os.write(answer, json.dumps(passed).encode())


def serve() -> None:
    """Read a request a line, fork a child that runs retention, answer how it ended."""
    for text in sys.stdin:
        request = json.loads(text)
        settings = settings_in(Path(request["folder"]), request["database_url"])
        settings = keeping(settings, request["days"], request["personal"])
        read_for_children(settings)
        kill = Kill(**request["kill"]) if request["kill"] else None
        reading, writing = os.pipe()
        with warnings.catch_warnings(action="ignore"):
            pid = os.fork()
        if pid == 0:
            try:
                retain(settings, kill, writing)
            except BaseException as error:  # noqa: BLE001 - told to whoever asked
                os.write(writing, json.dumps(repr(error)).encode())
                os._exit(1)
            os._exit(0)
        os.close(writing)
        if kill is not None and kill.seconds is not None:
            time.sleep(kill.seconds)
            os.kill(pid, signal.SIGKILL)  # nobody has waited for it yet, so the number is still its own
        with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a file descriptor
            said = pipe.read()
        _, status = os.waitpid(pid, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), json.loads(said or "null")]), flush=True)  # noqa: T201


Retention = Callable[[Settings, Kill | None], bool]
"""Run retention in a process of its own; whether it came to its end."""


@pytest.fixture(scope="module")
def retention_process() -> Iterator[Retention]:
    here = Path(__file__).parent
    folders = [str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def run_until(settings: Settings, kill: Kill | None) -> bool:
            assert process.stdin is not None
            assert process.stdout is not None
            request = {
                "folder": str(settings.archive_dir.parent), "database_url": settings.database_url,
                "days": settings.hot_days.default, "personal": settings.personal_retention.default,
                "kill": vars(kill) if kill else None,
            }  # fmt: skip
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            code, said = json.loads(process.stdout.readline())
            assert code in (0, -signal.SIGKILL), said
            assert code == 0 or kill is not None
            return bool(code == 0)

        yield run_until
        process.stdin.close()


# -- the tests -------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(settings: Settings) -> Database:
    """A home of the version before: of downloads an archived day, an exported one, and a newest one."""
    database = Database(keeping(settings))
    for day in (OLD, OLD + timedelta(days=1), NEWEST):
        write_day(settings, day, count=20 + (day - OLD).days)
    load_all(database, OLD, OLD + timedelta(days=1), NEWEST)
    # Only one table, so that each of its steps can have its turn.
    for table in TABLES[1:]:
        execute(settings.database_url, f"delete from ops.partitions where table_name = '{table}'")
    archive(settings, contract(), OLD)
    export(settings, contract(), OLD + timedelta(days=1))
    forget_lake(settings, TABLES[0], NEWEST)
    return database


def without_personal(held: dict[str, list[str]]) -> dict[str, list[str]]:
    return {t: sorted(row.replace("10.0.0.1", "").replace(",agent", ",") for row in rows) for t, rows in held.items()}


def test_killed_at_every_step_of_one_table(loaded: Database, retention_process: Retention) -> None:
    """Taken over and archived with personal data, then without: killed before its first step, its second, and so on."""
    before, places = without_personal(everything_held(loaded)), where_days_are(loaded.settings)
    for personal in (None, 10):
        settings = keeping(loaded.settings, 10, personal)
        kills = 0
        while not retention_process(settings, Kill(number=kills + 1)):
            kills += 1
            assert where_days_are(settings) == places, (personal, kills)
            assert kills % 5 or without_personal(everything_held(loaded)) == before, (personal, kills)
        assert kills > 30
    assert without_personal(everything_held(loaded)) == before
    url = loaded.settings.database_url
    assert set(states(url).values()) == {"archived"}
    old = [row for row in everything_held(loaded)[TABLES[0]] if is_old(row)]
    assert len(old) == 41 + 2 * len(ODD)
    assert not [row for row in old if "10.0.0.1" in row]
    assert [path for path in loaded.settings.archive_dir.rglob("*") if path.is_file()] == []
    lake_upkeep.collect(loaded, 0)
    files = [
        path.relative_to(loaded.settings.lake_dir).as_posix() for path in loaded.settings.lake_dir.rglob("*.parquet")
    ]
    current = ask(url, "select path from ops.current_lake_files where table_name = %s order by day", [TABLES[0]])
    assert len(current) == 3
    assert sorted(path for path in files if path.startswith("registry/download_events/")) == [
        row["path"] for row in current
    ]
    assert leftovers(url) == []
    assert run(Database(keeping(loaded.settings, 10, 10))).personal_values == 0


def where_days_are(settings: Settings) -> dict[str, dict[date, int]]:
    """{table: {day: rows}}, in the table or, of archived days, in the file that the books speak of, never in both."""
    found: dict[str, dict[date, int]] = {}
    for table in TABLES:
        time_column = {"download_events": "downloaded_at", "module_view_events": "viewed_at"}.get(
            table.split(".")[1], "started_at"
        )
        held = ask(
            settings.database_url, f"select {time_column}::date as day, count(*) as rows from {table} group by 1"
        )
        found[table] = {row["day"]: row["rows"] for row in held}
        archived = ask(
            settings.database_url,
            "select day from ops.archives where table_name = %s and state = 'archived'", [table],
        )  # fmt: skip
        for row in archived:
            assert row["day"] not in found[table]
            found[table][row["day"]] = pq.read_metadata(kept_file(settings, table, row["day"])).num_rows
    return found


def test_many_days_killed_at_every_kind_of_step(
    settings: Settings, retention_process: Retention, request: pytest.FixtureRequest
) -> None:
    count = int(request.config.getoption("--retention-days"))
    settings = keeping(settings, 10, None)
    database = Database(settings)
    days = days_of(OLD, OLD + timedelta(days=count - 1))
    for day in days:
        write_day(settings, day, count=2)
    for first in range(0, count, 90):
        load_all(database, *days[first : first + 90])
    aggregate(database, days[0], days[-1], ["day"], ["registry"])
    aggregates, before = derived(settings), everything_held(database)
    archived = [day for day in days[:-10] if day.day % 4 == 1]
    for day in days:  # a home of the version before, with some of the old days archived
        for table in TABLES:
            if day in archived:
                archive(settings, contract(table), day)
            forget_lake(settings, table, day)
    assert everything_held(database) == before
    places = where_days_are(settings)
    chance, rounds = random.Random(20250310), 1 + 3 * (count - 10) // 100
    to_do = {3 * len(archived): OF_ARCHIVES, 3 * count: OF_TAKING_OVER, 3 * (count - 10 - len(archived)): OF_DROPPING}
    for number, kinds in to_do.items():
        found = [kind for _ in range(rounds) for kind in chance.sample(kinds, len(kinds))]
        # On the average each has an equal part of a quarter of the days; the rest is for any moment.
        most = max(1, number // len(found) // 2)
        for kind in found:
            kill = Kill(kind, chance.randrange(1, 3), chance.randrange(most + 1))
            assert not retention_process(settings, kill), kill
            assert where_days_are(settings) == places, kill
    for _ in range(5 * rounds):
        if retention_process(settings, Kill(seconds=chance.random() / 2)):
            break
        assert where_days_are(settings) == places
    assert retention_process(settings, None)
    assert list(states(settings.database_url).values()) == ["archived"] * 3 * (count - 10)
    assert everything_held(database) == before
    assert where_days_are(settings) == places
    assert leftovers(settings.database_url) == []
    assert [path for path in settings.archive_dir.rglob("*") if path.is_file()] == []
    aggregate(database, days[0], days[-1], ["day"], ["registry"])
    assert derived(settings) == aggregates


if __name__ == "__main__":
    serve()
