"""`analytics-etl sql`: one SELECT over lake and PostgreSQL, in every form; a prompt; nothing is written or leaks."""

import csv
import io
import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from commands import variables
from events import DAY, DOWNLOADS, aggregate, ask, download, execute, load, write

from analytics_etl.cli import main
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.postgres.database import Database

NEXT = DAY + timedelta(days=1)
COUNT = f"select count(*) as n from {DOWNLOADS}"


@pytest.fixture
def loaded(settings: Settings, database: Database) -> Settings:
    """Five downloads of each of two days, one of them failed, with their aggregates."""
    events = [download(n, day, success=n != 3) for day in (DAY, NEXT) for n in range(5)]
    write(settings, "download_events/a.ndjson", events)
    load(database, DOWNLOADS, DAY, NEXT)
    aggregate(database, DAY, NEXT, families=["registry"])
    return settings


def run(settings: Settings, *arguments: str, given: str | None = None) -> Result:
    environment = {"COLUMNS": "200", **variables(settings), "ANALYTICS_LAKE": str(settings.lake_dir)}
    return CliRunner(env=environment).invoke(main, ["sql", *arguments], input=given)


def answer(settings: Settings, statement: str) -> list[dict[str, object]]:
    """The rows of a statement."""
    result = run(settings, "-c", statement, "--format", "json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def refused(settings: Settings, statement: str) -> str:
    """The one line that a statement is refused with."""
    result = run(settings, "-c", statement)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


def test_a_raw_table_is_read_in_the_lake(loaded: Settings) -> None:
    execute(loaded.database_url, f"delete from {DOWNLOADS}")
    statement = f"select typeof(event_id) as type, event_id, module_name from {DOWNLOADS} order by 2, 3 limit 1"
    first = "00000000-0000-0000-0000-000000000000"
    assert answer(loaded, statement) == [{"type": "UUID", "event_id": first, "module_name": "module-0"}]
    assert answer(loaded, COUNT) == [{"n": 10}]


def test_a_day_without_a_file_is_read_in_postgres(loaded: Settings) -> None:
    execute(loaded.database_url, f"delete from ops.lake_files where day = '{NEXT}'")
    execute(loaded.database_url, f"update {DOWNLOADS} set module_name = 'from-postgres'")
    statement = f"select module_name, downloaded_at::date as day, count(*) as n from {DOWNLOADS} group by all"
    found = {(row["module_name"], row["day"], row["n"]) for row in answer(loaded, statement)}
    assert found == {*((f"module-{n}", str(DAY), 1) for n in range(5)), ("from-postgres", str(NEXT), 5)}


def test_an_event_table_without_days(settings: Settings) -> None:
    assert answer(settings, COUNT) == [{"n": 0}]


def test_archived_days_outside_the_lake_are_named(loaded: Settings) -> None:
    execute(loaded.database_url, f"delete from ops.lake_files where day = '{DAY}'")
    execute(
        loaded.database_url,
        "insert into ops.archives (table_name, day, state, sha256, rows, size_bytes, manifest) "
        f"values ('{DOWNLOADS}', '{DAY}', 'archived', '', 5, 1, '{{}}')",
    )
    execute(
        loaded.database_url,
        f"update ops.partitions set in_postgres = false where table_name = '{DOWNLOADS}' and period_start = '{DAY}'",
    )
    result = run(loaded, "-c", COUNT)
    assert f"archived and not in the lake are left out: {DAY}" in result.stderr


def test_raw_and_derived_tables_are_joined(loaded: Settings) -> None:
    statement = f"""
        select d.module_name, count(*) as failed, any_value(a.download_count) as succeeded
        from {DOWNLOADS} as d
        join registry.module_stats_daily as a on a.module_name = d.module_name and a.day = d.downloaded_at::date
        where not d.success group by 1"""
    assert answer(loaded, statement) == [{"module_name": "module-3", "failed": 2, "succeeded": 0}]


def test_types_of_postgres_are_kept(loaded: Settings) -> None:
    execute(
        loaded.database_url,
        "create table ops.every_type (a bigint, b double precision, c text, d boolean, e date, f timestamptz, g uuid, "
        "h jsonb, i text[], j integer, k numeric(10, 2), l bigint[], m interval);"
        f"""insert into ops.every_type values (9007199254740993, 0.1, E'a,"b"\\n', true, '{DAY}',
        '{DAY} 01:02:03.456789+02', '00000000-0000-0000-0000-000000000001', '{{"a": [1]}}', '{{"x,y",null,"{{}}"}}', 7,
        1.50, '{{1,2}}', '1 day'),
        (null, 'NaN', '', null, null, 'infinity', null, null, null, null, null, null, null)""",
    )
    types = answer(loaded, "describe ops.every_type")
    assert [row["column_type"] for row in types] == [
        *("BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE", "UUID", "JSON", "VARCHAR[]"),
        *("INTEGER", "DECIMAL(10,2)", "BIGINT[]", "VARCHAR"),
    ]
    whole = answer(loaded, "from ops.every_type where a is not null")
    assert [list(row.values()) for row in whole] == [
        [
            *(9007199254740993, 0.1, 'a,"b"\n', True, str(DAY), f"{DAY - timedelta(days=1)}T23:02:03.456789Z"),
            *("00000000-0000-0000-0000-000000000001", '{"a":[1]}', ["x,y", None, "{}"], 7, 1.5, [1, 2], "1 day"),
        ]
    ]
    empty = answer(loaded, "select b, c, f = 'infinity' as is_infinite, h, i from ops.every_type where a is null")
    assert empty == [{"b": "NaN", "c": "", "is_infinite": True, "h": None, "i": None}]


def test_the_books_and_views_can_be_asked(loaded: Settings) -> None:
    days = "select day, rows from ops.lake_files where table_name like '%download_events' order by 1"
    assert answer(loaded, days) == [{"day": str(day), "rows": 5} for day in (DAY, NEXT)]
    tables = {f"{row['schema']}.{row['name']}" for row in answer(loaded, "show all tables")}
    assert {DOWNLOADS, "registry.module_activity_daily", "registry.top_modules_30d", "ops.partitions"} <= tables
    assert not any("download_events_" in table for table in tables)
    assert answer(loaded, "select count(*) as n from registry.module_activity_daily") == [{"n": 10}]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from registry.download_events",
        "create table a (b int)",
        "create temp table a as select 1",
        "insert into ops.audit values (1)",
        "copy (select 1) to '/tmp/never.csv'",
        "attach '/tmp/never.db'",
        "set memory_limit = '1TB'",
        "install httpfs",
        "load httpfs",
        "pragma version",
        "call enable_logging()",
        "export database '/tmp/never'",
        "begin",
        "explain analyze delete from registry.download_events",
        "with gone as (insert into ops.audit by name (select 1 as id) returning *) select * from gone",
        "pivot registry.download_events on language",
    ],
)
def test_a_write_is_refused(settings: Settings, statement: str) -> None:
    said = refused(settings, statement)
    assert "nothing can be written here: expected SELECT, WITH, VALUES, FROM, DESCRIBE" in said


@pytest.mark.parametrize("before", ["", "explain analyze ", "from query('{}') -- "])
def test_a_file_of_the_lake_that_may_be_read_cannot_be_written(loaded: Settings, before: str) -> None:
    path = next(loaded.lake_dir.glob("registry/download_events/*/*.parquet"))
    content = path.read_bytes()
    writing = f"with gone as (copy (select count(*) from {DOWNLOADS}) to '{path}') select * from gone"
    refused(loaded, before.replace("{}", writing.replace("'", "''")) + writing)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/etc/*')",
        "from '{lake}/secret.parquet'",
        "from read_parquet('{lake}/secret.parquet')",
        "from read_text('{lake}/../secret.csv')",
        "from sniff_csv('{lake}/secret.parquet')",
        "describe select * from read_csv('/etc/passwd')",
        "from query_table('registry.download_events')",
    ],
)
def test_another_file_cannot_be_read(loaded: Settings, statement: str) -> None:
    pq.write_table(pq.read_table(next(loaded.lake_dir.rglob("*.parquet"))), loaded.lake_dir / "secret.parquet")
    (loaded.lake_dir.parent / "secret.csv").write_text("a\n1\n")
    said = refused(loaded, statement.format(lake=loaded.lake_dir))
    assert "root:" not in said
    assert any(why in said for why in ("disabled by configuration", "there is no table", "not in a text")), said


def test_secrets_of_the_environment_are_not_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:s3cr3t@proxy:1")
    shown = run(settings, "-c", "from duckdb_settings()", "--format", "csv")
    assert shown.exit_code == 0
    assert "s3cr3t" not in shown.output
    assert answer(settings, "select count(*) as n from duckdb_secrets()") == [{"n": 0}]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select 1 +", "syntax error"),
        ("select nothing from registry.download_events", 'column "nothing" not found'),
        ("from registry.download_event", "table registry.download_event; expected one like registry.download_events"),
        ("from download_events", "no table download_events; expected one like registry.download_events"),
        ("explain from ops.partition", "no table ops.partition; expected one like ops.partitions"),
        ("from zzzzzzz", "there is no table zzzzzzz; see: show all tables"),
        ("select 1 / 'a'", "Could not convert string 'a'"),
        ("select $1", "parameter"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(settings: Settings, statement: str, expected: str) -> None:
    assert expected in refused(settings, statement)


def test_a_missing_file_of_the_lake_is_named(loaded: Settings) -> None:
    gone = next(loaded.lake_dir.glob(f"registry/download_events/day={NEXT}/*.parquet"))
    gone.unlink()
    said = refused(loaded, COUNT)
    assert f"{gone} is missing ({DOWNLOADS} {NEXT}): put the file back" in said
    assert f"analytics-etl backfill {NEXT} {NEXT}" in said
    assert answer(loaded, "select 1 as a") == [{"a": 1}], "only statements about the table need it"


# -- forms ------------------------------------------------------------------------------------------------------------

VALUES = """
    select * from (values (1, 'a,"b"', true, 1.5, timestamptz '2025-03-10 01:02:03+00', [1, 2]),
        (null, '=1+1', null, null, null, null)) as v(n, t, b, f, moment, l) order by n nulls last"""


def test_a_table_shows_values_and_null(settings: Settings) -> None:
    result = run(settings, "-c", VALUES)
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["n", "t", "b", "f", "moment", "l"],
        ["1", 'a,"b"', "true", "1.5", "2025-03-10T01:02:03Z", "[1,", "2]"],
        ["NULL", "=1+1", *["NULL"] * 4],
    ]
    assert run(settings, "-c", "select 1 where false").stdout == "no rows\n"


def test_a_plan_is_shown_as_it_is_drawn(loaded: Settings) -> None:
    shown = run(loaded, "-c", f"explain analyze {COUNT}").stdout
    assert "Total Time" in shown
    assert len(shown.splitlines()) > 3
    assert "explain_key" not in shown


def test_a_table_shows_a_thousand_rows_and_says_how_many_there_are(settings: Settings) -> None:
    result = run(settings, "-c", "select range as n from range(200_000)")
    assert len(result.stdout.splitlines()) == 1_001
    assert result.stderr.startswith("199,000 more rows, of 200,000; ")


def test_csv_is_read_back(settings: Settings) -> None:
    found = list(csv.reader(io.StringIO(run(settings, "-c", VALUES, "--format", "csv").stdout)))
    assert found == [
        ["n", "t", "b", "f", "moment", "l"],
        ["1", 'a,"b"', "true", "1.5", "2025-03-10T01:02:03Z", "[1, 2]"],
        ["", "'=1+1", "", "", "", ""],
    ]
    assert run(settings, "-c", "select 1 as a where false", "--format", "csv").stdout == "a\n"


def test_json_is_read_back(settings: Settings) -> None:
    assert answer(settings, VALUES) == [
        {"n": 1, "t": 'a,"b"', "b": True, "f": 1.5, "moment": "2025-03-10T01:02:03Z", "l": [1, 2]},
        {"n": None, "t": "=1+1", "b": None, "f": None, "moment": None, "l": None},
    ]
    assert answer(settings, "select 1 where false") == []
    whole = "select sum(range) as s, {'a': 'inf'::double} as i from range(3)"
    assert answer(settings, whole) == [{"s": 3, "i": {"a": "Infinity"}}]
    assert "several columns have the name a" in run(settings, "-c", "select 1 a, 2 a", "--format", "json").stderr


def test_files_are_read_back_by_other_libraries(loaded: Settings, tmp_path: Path) -> None:
    statement = f"select event_id, downloaded_at, file_size, success from {DOWNLOADS} order by 2"
    for form in ("csv", "json", "parquet"):
        path = tmp_path / f"answer.{form}"
        path.write_text("what was there before")
        result = run(loaded, "-c", statement, "--format", form, "-o", str(path))
        assert (result.exit_code, result.stdout) == (0, ""), result.output
    parquet = pq.read_table(tmp_path / "answer.parquet")
    assert [str(kind) for kind in parquet.schema.types] == ["string", "timestamp[us, tz=UTC]", "int64", "bool"]
    assert parquet["file_size"].to_pylist() == [100, 101, 102, 103, 104] * 2
    assert duckdb.execute(f"select sum(file_size) from '{tmp_path}/answer.csv' where success").fetchall() == [(814,)]
    assert pd.read_json(tmp_path / "answer.json")["success"].tolist() == [True, True, True, False, True] * 2


def test_a_statement_that_fails_leaves_the_file_as_it_was(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("before")
    failing = "select case when range < 199999 then 1 else error('late') end as a from range(200000)"
    result = run(settings, "-c", failing, "--format", "csv", "-o", str(path))
    assert result.exit_code == 1
    assert "late" in result.stderr
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.glob("*answer*")] == ["answer.csv"]
    missing = run(settings, "-c", "select 1", "--format", "csv", "-o", str(tmp_path / "no" / "a.csv"))
    assert f"{tmp_path / 'no'} is no folder" in missing.stderr
    device = run(settings, "-c", "select 1", "--format", "csv", "-o", "/dev/null")
    assert "/dev/null is no file" in device.stderr
    odd = run(settings, "-c", "select interval 1 day as i", "--format", "parquet", "-o", str(path))
    assert "cast the column" in odd.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-c", "select 1", "--format", "parquet"], "--format parquet needs a file: -o FILE"),
        (["-c", "select 1", "-o", "a"], "-o needs --format csv, json or parquet"),
        (["-c", "select 1; select 2"], "expected one statement, got 2"),
        (["-c", "-- nothing"], "expected one statement, got 0"),
        (["--format", "csv"], "expected one statement, got 2"),
    ],
)
def test_what_is_typed_wrongly(settings: Settings, arguments: list[str], expected: str) -> None:
    result = run(settings, *arguments, given="select 1; select 2")
    assert result.exit_code == 2
    assert expected in result.stderr


def test_statements_come_from_standard_input(settings: Settings) -> None:
    result = run(settings, given="select 1 as a;\n-- and\nselect 'x;y' as b")
    assert (result.exit_code, result.stdout.split()) == (0, ["a", "1", "b", "x;y"])


def test_nothing_stays_behind(loaded: Settings) -> None:
    before = ask(loaded.database_url, "select count(*) as n from ops.audit")
    folders = set((loaded.home / "tmp").iterdir())  # this process loaded the days, and keeps a DuckDB
    answer(loaded, "select count(*) as n from registry.module_activity_daily")
    assert set((loaded.home / "tmp").iterdir()) == folders
    assert ask(loaded.database_url, "select count(*) as n from ops.audit") == before


# -- the prompt -------------------------------------------------------------------------------------------------------


class Prompt:
    """The prompt on a terminal of its own."""

    def __init__(self, settings: Settings) -> None:
        self.terminal, theirs = pty.openpty()
        environment = {**os.environ, **variables(settings), "COLUMNS": "100", "TERM": "dumb"}
        command = [sys.executable, "-m", "analytics_etl.cli", "sql"]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=CHECKOUT, start_new_session=True
        )
        os.close(theirs)
        self.text = ""

    def until(self, expected: str) -> str:
        """What is shown up to a text."""
        ends = time.monotonic() + 60
        while expected not in self.text:
            assert select.select([self.terminal], [], [], ends - time.monotonic())[0], self.text
            self.text += os.read(self.terminal, 4096).decode()
        shown, _, self.text = self.text.partition(expected)
        return shown

    def interrupt(self) -> None:
        """Press ^C until it is seen: Python waits for the next key if it comes just before the wait for keys begins."""
        ends = time.monotonic() + 60
        while "sql> " not in self.text:
            assert time.monotonic() < ends, self.text
            self.process.send_signal(signal.SIGINT)
            while "sql> " not in self.text and select.select([self.terminal], [], [], 5)[0]:
                self.text += os.read(self.terminal, 4096).decode()
        self.until("sql> ")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())


@pytest.fixture
def prompt(loaded: Settings) -> Iterator[Prompt]:
    found = Prompt(loaded)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()
        os.close(found.terminal)


def test_a_prompt(prompt: Prompt, loaded: Settings) -> None:
    prompt.until("sql> ")
    prompt.type("select 40 +\n")
    prompt.until("...> ")
    prompt.type("2 as answer;\n")
    assert "42" in prompt.until("sql> ")
    prompt.type("selec;\n")
    assert "Error: Parser Error: syntax error" in prompt.until("sql> ")
    prompt.type(".tables\n")
    assert DOWNLOADS in prompt.until("sql> ")
    prompt.type("select 'a;\n")
    prompt.until("...> ")
    prompt.interrupt()
    prompt.type("select 6 * 7 as again;\n")
    assert "42" in prompt.until("sql> ")
    prompt.type("select count(*) from range(1_000_000_000_000) as a(n) where n % 7 = 8;\n")
    prompt.until(";\r\n")
    time.sleep(1)
    prompt.interrupt()
    prompt.type("\x04")
    assert prompt.process.wait(60) == 0
    history = loaded.home / "sql_history"
    assert "select 6 * 7 as again;" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


# -- what help and docs teach -----------------------------------------------------------------------------------------


def examples(text: str) -> list[list[str]]:
    """The arguments of each `analytics-etl sql` in a text."""
    found = []
    for part in text.split("analytics-etl sql ")[1:]:
        lines = part.splitlines()
        count = next(n for n in range(1, len(lines) + 1) if "\n".join(lines[:n]).count('"') % 2 == 0)
        found.append(shlex.split("\n".join(lines[:count]), comments=True))
    return found


@pytest.mark.parametrize("where", ["help", "docs"])
def test_examples_work(
    loaded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    command: click.Command = main.commands["sql"]
    docs = (CHECKOUT / "docs" / "queries.md").read_text(encoding="utf-8")
    found = examples(command.help or "" if where == "help" else docs)
    assert len(found) >= 4
    for arguments in found:
        typed = arguments[: arguments.index("<")] if "<" in arguments else arguments
        result = run(loaded, *typed, given=None if typed == arguments else COUNT)
        assert result.exit_code == 0, (arguments, result.output)
    assert "Personal columns are shown as they are stored" in (command.help or "")
