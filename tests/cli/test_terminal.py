"""What commands print: texts as they are stored, nothing that acts on a terminal, in any encoding, to any reader."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner, Result
from commands import variables
from conftest import Server, settings_in
from events import download, event_id, load_and_aggregate, restored_environment, write

from analytics_etl.cli import answers, main, terminal
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database
from analytics_etl.text.visible import cut, visible

DAY = date(2025, 3, 31)
CLIPBOARD = "\x1b]52;c;aGVsbG8=\x07"
HOSTILE = (
    f"=1+1 [bold]b[/] \\[/b] C:\\[tmp] :key: {CLIPBOARD}\x1b[31mred\x1b[0m\x9b2J \u202eevil\u2066 a\u200bb\r\n✗ forged"
)
"""A formula, markup, an emoji code, sequences of a terminal, C1, directions, a line of its own."""
SHOWN = (
    r"=1+1 [bold]b[/] \[/b] C:\[tmp] :key: \x1b]52;c;aGVsbG8=\x07\x1b[31mred\x1b[0m\x9b2J \u202eevil\u2066 a\u200bb\r\n"
    "✗ forged"
)
IN_A_NAME = HOSTILE.replace("/", "|")
"""A file's name may hold all but a slash."""
NAME_SHOWN = SHOWN.replace("/", "|")
TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm"}


def test_what_acts_or_hides_is_written_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("a\nb\tc", keep_lines=True) == "a\nb\\tc"
    for code in (*range(32), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), 0x2060):
        assert visible(chr(code)).isascii()
    for code in (*range(0x2066, 0x206A), 0xFEFF, 0xE0041, 0x3164, 0xD800):
        assert visible(chr(code)).isascii()
    assert visible("caf\udce9") == "caf\\xe9"
    for text in ("naïve 名前 🔑 ✓", "\\x1b", "C:\\[tmp]", "", " "):
        assert visible(text) == text
    assert cut("a" * 5 + "b" * 10 + "c" * 5, 10) == "aaaaa … 10 more characters … ccccc"


def usage_event(number: int, **changes: object) -> dict[str, object]:
    return {
        "event_id": event_id(number), "occurred_at": "2025-03-31T10:00:00Z", "schema_id": event_id(99),
        "operation": "read", "service": "api", "region": "eu", "latency_ms": 10, "success": True, **changes,
    }  # fmt: skip


def execution(number: int, **changes: object) -> dict[str, object]:
    return {
        "event_id": event_id(number), "recorded_at": "2025-03-31T10:00:00Z", "schedule_id": "s", "execution_id": "e",
        "schedule_type": "mongo", "event_type": "execution", "level": "INFO", "result": "success", "retry_count": 0,
        **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A day whose texts, file names, folders, failures and messages are all hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    settings = replace(
        settings_in(folder, server.clone(), DAY),
        landing_dir=folder / IN_A_NAME,
        reports_dir=folder / f"r{IN_A_NAME}",
    )
    write(settings, "download_events/a.ndjson", [download(1, DAY, module_name=HOSTILE, user_id=HOSTILE)])
    write(settings, f"download_events/2025-03-31{IN_A_NAME}.txt", b"no format of ours")
    write(settings, "schema_usage_events/a.ndjson", [
        usage_event(1, service=HOSTILE, region=HOSTILE, success=False, error_message=HOSTILE), usage_event(2),
    ])  # fmt: skip
    write(settings, "schedule_events/a.ndjson", [
        execution(1, schedule_id=HOSTILE, event_type=HOSTILE, level="ERROR", result="failure", error_message=HOSTILE),
        execution(2),
    ])  # fmt: skip
    database = Database(settings)
    load_and_aggregate(database, DAY, DAY)
    with psycopg.connect(settings.database_url or "") as connection:
        connection.execute("update registry.module_stats_daily set download_count = 7")  # so that the watchdog barks
        connection.execute("update ops.days set failure = %s where table_name like 'usage.%%'", [HOSTILE])
        connection.execute(
            "insert into ops.changes (table_name, period_start, period_end, published, rows_before, rows_after, "
            "rows_added, rows_removed, rows_changed, measures, code_version_before, code_version_after, run_id) "
            "values ('registry.overview_daily', %s, %s::date + 1, true, 1, 1, 0, 0, 1, "
            """'{"=x": {"old": -1, "new": -2.5, "percent": -150}}', 'a', 'b', %s)""",
            [DAY, DAY, HOSTILE],
        )
        connection.execute(
            "with n as (insert into ops.notifications (dedup_key, kind, subject, body, details, owners) "
            "values ('k', 'k', %s, '', '{}', '{}') returning notification_id) "
            "insert into ops.deliveries (notification_id, receiver, state, next_attempt_at, last_error) "
            "select notification_id, 'log', 'failed', now(), %s from n",
            [HOSTILE, HOSTILE],
        )
    yield settings
    server.drop(settings.database_url or "")


def typed(settings: Settings, *arguments: str, charset: str = "utf-8", **environment: str) -> Result:
    with restored_environment():
        runner = CliRunner(charset=charset, env={"COLUMNS": "2000", **variables(settings), **environment})
        return runner.invoke(main, list(arguments))


def acting(text: str) -> list[str]:
    """The characters of a text that act or hide, but for the ends of lines."""
    return [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


PRINTED = {
    "query registry events --from 2025-03-31": SHOWN,
    "query registry top": SHOWN,
    "query usage events --from 2025-03-31": SHOWN,
    "query usage statistics --from 2025-03-31 --detail --schema " + event_id(99): SHOWN,
    "query schedules events --from 2025-03-31": SHOWN,
    "query schedules statistics --from 2025-03-31": SHOWN,
    "query schedules errors --from 2025-03-31": "C:",
    "changes": "=x -1 → -2.5",
    "status": f"could not be written: {SHOWN}",
    "doctor": f"2025-03-31: {SHOWN}\n",
    "watchdog": SHOWN,
    "notify --list": f"  {SHOWN}  →  log: failed (attempts: 0): {SHOWN}",
    "report 2025-03-31": f"r{NAME_SHOWN}/registry/daily/2025-03-31.html",
    f"forget {IN_A_NAME} --reason why": f"knows no file {NAME_SHOWN}",
    "backfill --missing 2025-03-31 2025-03-30": "FROM 2025-03-31 is after TO 2025-03-30",
}
"""What is typed, and what is to be seen then."""


def arguments_of(line: str) -> list[str]:
    """Words of a line; the hostile name, which holds blanks, is one."""
    return [IN_A_NAME if word == "NAME" else word for word in line.replace(IN_A_NAME, "NAME").split(" ")]


@pytest.mark.parametrize("environment", [TERMINAL, {}], ids=["terminal", "pipe"])
@pytest.mark.parametrize("line", PRINTED, ids=[line.split("-")[0].split("=")[0].strip() for line in PRINTED])
def test_nothing_that_is_printed_acts(hostile: Settings, line: str, environment: Mapping[str, str]) -> None:
    result = typed(hostile, *arguments_of(line), **environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert acting(re.sub(r"\x1b\[[0-9;]*m", "", result.output) if environment else result.output) == []
    assert CLIPBOARD not in result.output
    assert PRINTED[line] in result.output
    assert "🔑" not in result.output
    assert "\n✗ forged" not in result.output


def csv_of(result: Result) -> list[dict[str, str]]:
    """The rows of an answer, from its very bytes."""
    return list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))


def test_json_and_csv_hold_what_is_stored(hostile: Settings) -> None:
    for question, column in (("usage events", "service"), ("schedules events", "schedule_id")):
        asked = ["query", *question.split(), "--from", "2025-03-31", "--format"]
        answer = typed(hostile, *asked, "json")
        assert acting(answer.stdout) == []
        assert HOSTILE in {row[column] for row in json.loads(answer.stdout)["rows"]}
        rows = csv_of(typed(hostile, *asked, "csv"))
        assert {row[column] for row in rows} == {f"'{HOSTILE}", {"service": "api", "schedule_id": "s"}[column]}
        shown = typed(hostile, *asked, "csv", **TERMINAL).stdout
        assert acting(shown) == []
        assert f"'{SHOWN}" in shown
    [row] = csv_of(typed(hostile, "changes", "--format", "csv"))
    assert (row["run_id"], row["measure"], row["old"], row["new"]) == (f"'{HOSTILE}", "'=x", "-1", "-2.5")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_text_of_a_csv_is_a_formula_and_every_number_is_one(begin: str) -> None:
    text = answers.csv_of(["text", "number", "none"], [{"text": f"{begin}1", "number": -1.5, "none": None}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["text", "number", "none"], [f"'{begin}1", "-1.5", ""]]


def test_null_is_an_empty_cell_and_all_is_said_where_it_is_meant(hostile: Settings) -> None:
    """(error_message and queue times of a success, and what a first day cannot be compared with.)"""
    for question in ("usage events", "schedules events", "schedules performance s"):
        result = typed(hostile, "query", *question.split(), "--from", "2025-03-31")
        assert result.exit_code == 0
        assert "(all)" not in result.stdout
        assert "None" not in result.stdout
    assert typed(hostile, "query", "usage", "statistics", "--from", "2025-03-31").stdout.count("(all)") == 3


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_an_encoding_that_lacks_a_sign_does_not_end_the_work(hostile: Settings, charset: str) -> None:
    shown = typed(hostile, "status", charset=charset)
    assert shown.exit_code == 0, shown.exception
    assert "? final" in shown.stdout
    found = typed(hostile, "query", "usage", "events", "--from", "2025-03-31", "--format", "csv", charset=charset)
    assert found.exit_code == 0
    missing = typed(hostile, "run", "2025-03-30", charset=charset, ANALYTICS_START_DATE="2025-03-31")
    assert missing.exit_code == 2


def test_errors_of_the_command_show_what_came(hostile: Settings) -> None:
    result = typed(hostile, "changes", "--table", HOSTILE)
    assert (result.exit_code, acting(result.stderr)) == (2, [])
    assert f"there is no table {SHOWN} that keeps changes" in result.stderr
    result = typed(hostile, HOSTILE)
    assert (result.exit_code, acting(result.stderr)) == (2, [])


def test_a_mistake_of_ours_is_told_without_what_acts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(psycopg.DataError) as raised:
        raise psycopg.DataError(HOSTILE)
    terminal._print_bug(raised.type, raised.value, raised.tb)
    said = capsys.readouterr().err
    assert acting(said) == []
    assert "Traceback" in said
    assert not [line for line in said.splitlines() if line.startswith("✗")]


def test_an_error_of_many_lines_forges_none_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_error(click.ClickException(f"the run failed:\n{HOSTILE}"))
    said = capsys.readouterr().err
    assert said.startswith("Error: the run failed:\n  =1+1 [bold]")
    assert "\n  ✗ forged" in said
    assert acting(said) == []
    with terminal.progress(3) as step:
        step(HOSTILE, 1, 3)
    assert capsys.readouterr().err == f"1/3 {SHOWN}\n"


COMMAND = [sys.executable, "-m", "analytics_etl.cli"]


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    return {**os.environ, **variables(settings), **more}


def test_a_reader_that_has_gone_ends_nothing(hostile: Settings, tmp_path: Path) -> None:
    """(As `| head -1`: nobody reads what is printed, and the files are made all the same.)"""
    made = [*COMMAND, "sample", "--to", str(tmp_path), "--days", "3", "--events-per-day", "10"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(made, env=environment_of(hostile), stdout=write_end, stderr=write_end, check=False)
    os.close(write_end)
    assert done.returncode == 0
    assert len(list(tmp_path.glob("download_events/*"))) == 3
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "changes", "--format", "csv"],
        env=environment_of(hostile), stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (closed.returncode, closed.stderr) == (0, "")


def test_on_a_real_terminal_colours_are_ours_alone(hostile: Settings) -> None:
    ours, theirs = pty.openpty()
    environment = environment_of(hostile, TERM="xterm", COLUMNS="400", LC_ALL="C.UTF-8")
    with subprocess.Popen([*COMMAND, "status"], env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            said += part
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    assert process.returncode == 0
    assert "\x1b[32m●" in text or "\x1b[36m◐" in text
    assert acting(re.sub(r"\x1b\[[0-9;]*m", "", text)) == []
    assert "\x1b[31mred" not in text
    assert SHOWN in text


def test_commands_print_through_the_screen_only() -> None:
    """So that nobody has to remember what must be written out."""
    folder = Path(terminal.__file__).parent
    words = r"\bprint\(|click\.s?echo|import rich|from rich|sys\.std(out|err)"
    printing = re.compile(rf"^(?!.*\bdef )(?=.*({words}))", re.MULTILINE)
    others = [path.name for path in folder.glob("*.py") if printing.search(path.read_text(encoding="utf-8"))]
    assert others == ["terminal.py"]
