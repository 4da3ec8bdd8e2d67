"""The command line: help that teaches, errors that say what was expected, status, doctor, no secrets anywhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from commands import call, variables
from events import DAY, compilation, download, load, load_and_aggregate, restored_environment, view, write

from analytics_etl.cli import main
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

SECRET = "s3cr3t-w0rd"
UNREACHABLE = f"postgresql://somebody:{SECRET}@127.0.0.1:1/nothing"


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """No settings of whoever runs the tests."""
    with restored_environment():
        for name in list(os.environ):
            if name.startswith(("ANALYTICS_", "DAGSTER_")):
                del os.environ[name]
        yield


COMMANDS = [name for name in main.commands]  # noqa: C416 - a list of names


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches(name: str) -> None:
    command = main.commands[name]
    result = call(f"{name} --help")
    assert result.exit_code == 0
    assert len((command.help or "").split()) >= 5
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            shown = parameter.make_metavar(click.Context(command)).strip("[]").removesuffix("...")
            assert shown in result.stdout
        else:
            assert max(parameter.opts, key=len) in result.stdout
    assert "Usage: " in result.stdout


def test_the_list_of_commands_imports_none_of_them() -> None:
    """It is what somebody types first, and what a shell's completion asks."""
    slow = ["alembic", "dagster", "duckdb", "psycopg", "pyarrow", "sqlalchemy", "sqlglot"]
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('imported:', sorted(set({slow}) & set(sys.modules))))\n"
        "from analytics_etl.cli import main\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_what_asks_the_books_imports_nothing_that_reads_rows() -> None:
    code = (
        "import sys\n"
        "import analytics_etl.cli.inspection, analytics_etl.monitoring.status\n"
        "print(sorted({'alembic', 'dagster', 'duckdb', 'numpy', 'pyarrow', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout == "[]\n"


def test_the_doctor_imports_nothing_that_reads_rows_or_draws_reports() -> None:
    """It looks at landing files and asks which reports are due. DuckDB checks the source mappings."""
    code = (
        "import sys\n"
        "import analytics_etl.monitoring.doctor\n"
        "print(sorted({'dagster', 'jinja2', 'numpy', 'pyarrow', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout == "[]\n"


def test_the_list_of_commands_says_where_to_start() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)
    assert "Start with `analytics-etl demo`" in result.stdout
    assert call("-h").stdout == result.stdout
    assert call("--version").stdout.strip().endswith(("0.1.0", "version 0.1.0"))


def groups(command: click.Command = main, name: str = "") -> Iterator[str]:
    """The words of each group of commands, itself included."""
    if isinstance(command, click.Group):
        yield name.strip()
        for word, below in command.commands.items():
            yield from groups(below, f"{name} {word}")


@pytest.mark.parametrize("name", list(groups()))
def test_a_group_alone_prints_its_help(name: str) -> None:
    result = call(name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == call(f"{name} --help").stdout
    assert "\n\nCommands:\n  " in result.stderr


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("run", "Missing argument 'DATE'"),
        ("run tomorrow", "or yesterday, got 'tomorrow'"),
        ("run 2025-02-30", "or yesterday, got '2025-02-30'"),
        ("run 2024-12-31", "before the first partition, 2025-01-01; set ANALYTICS_START_DATE"),
        (f"run {TOMORROW}", f"{TOMORROW} is not over yet in UTC; the last day that can be run is"),
        ("run 2025-03-01 2025-03-02", "unexpected extra argument"),
        ("backfill 2025-03-01", "expected FROM and TO, two days like"),
        ("backfill 2025-03-02 2025-03-01", "FROM 2025-03-02 is after TO 2025-03-01"),
        (f"backfill 2025-03-01 {TOMORROW}", "is not over yet in UTC"),
        ("report 2025-03-01 --cadence year", "'year' is not one of 'day', 'week', 'month'"),
        ("sample --format xml", "'xml' is not one of 'ndjson'"),
        ("sample --days 0", "0 is not in the range x>=1"),
        ("ui --port many", "'many' is not a valid integer"),
        ("exec", "Missing argument 'COMMAND...'"),
        ("exec no-such-program", "there is no program no-such-program"),
        ("nonsense", "No such command 'nonsense'"),
        ("run --fast 2025-03-01", "No such option '--fast'"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(settings: Settings, arguments: str, expected: str) -> None:
    result = call(arguments, variables(settings))
    assert result.exit_code != 0
    assert expected in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANALYTICS_START_DATE", "soon", "ANALYTICS_START_DATE must be a date like 2025-01-01, but is 'soon'"),
        (
            "ANALYTICS_LATENESS_DAYS",
            "-1",
            "ANALYTICS_LATENESS_DAYS must be whole days like 7, or 7,download_events=14, but is '-1'",
        ),
        ("ANALYTICS_LOADER_MEMORY_MB", "12", "ANALYTICS_LOADER_MEMORY_MB must be megabytes, 128 or more, but is '12'"),
        ("ANALYTICS_TRENDING_MIN_DOWNLOADS", "x", "must be a whole number of downloads, 1 or more, but is 'x'"),
        ("ANALYTICS_DATABASE_URL", f"mysql://me:{SECRET}@db/x", "ANALYTICS_DATABASE_URL must begin with postgresql://"),
    ],
)
def test_a_setting_that_makes_no_sense(name: str, value: str, expected: str) -> None:
    result = call("status", {name: value})
    assert result.exit_code == 1
    assert expected in result.stderr.replace("\n", "")
    assert SECRET not in result.output


def test_status_and_doctor_on_an_empty_database(settings: Settings) -> None:
    shown = call("status", variables(settings))
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        f"no day is loaded yet: put files below {settings.landing_dir}, then: analytics-etl backfill --missing"
    ]
    asked = call(f"status --from {DAY}  --to {DAY}", variables(settings))
    assert "registry.download_events" in asked.stdout
    found = call("doctor", variables(settings))
    assert found.exit_code == 1
    assert "✓ database: PostgreSQL" in found.stdout
    assert "✗ landing download_events: no files below" in found.stdout
    assert "✗ days: no day has been loaded" in found.stdout
    assert "DATE" not in found.stdout


def test_status_of_some_families_only(settings: Settings, database: Database) -> None:
    later = DAY + timedelta(days=20)
    write(settings, "download_events/a.ndjson", [download(1), download(2, later)])
    load(database, "registry.download_events", DAY)
    load(database, "usage.schema_usage_events", DAY)

    given = variables(replace(settings, families=()))

    def shown(arguments: str) -> tuple[set[str], str]:
        result = call(f"status {arguments}", given)
        assert result.exit_code == 0, result.output
        return {
            line.split(".")[0] for line in result.stdout.splitlines() if "_events  " in line or "_samples  " in line
        }, result.stdout

    assert shown("")[0] == {"platform", "registry", "schedules", "services", "usage"}
    assert f"{later} has 1 row waiting" in shown(f"--to {later}")[1]
    families, text = shown("--family usage")
    assert families == {"usage"}
    assert f"{DAY:%m-%d}" in text, "up to the newest day of the family"
    assert "weeks" not in text, "the family has no table by week"
    assert "1 row waiting" not in shown(f"--family usage --to {later}")[1]
    assert shown(f"--family usage --family registry --to {later}")[0] == {"registry", "usage"}
    wrong = call("status --family usages", given)
    assert wrong.exit_code != 0
    names = "platform, registry, schedules, services, usage"
    assert f"there is no family usages; expected --family with one of {names}" in wrong.stderr


def test_status_and_doctor_on_a_loaded_database(settings: Settings, database: Database) -> None:
    write(settings, "download_events/a.ndjson", [download(n) for n in range(1234)])
    write(settings, "module_view_events/a.ndjson", [view(n) for n in range(10)])
    write(settings, "compilation_events/a.ndjson", [compilation(n) for n in range(10)])
    load_and_aggregate(database, DAY, DAY)
    shown = call("status", variables(settings))
    assert shown.exit_code == 0, shown.output
    assert f"{DAY:%m-%d}" in shown.stdout
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line.startswith("registry.")}
    assert all("◐" in line for line in lines.values()), shown.stdout
    counted = call(f"status --rows --from {DAY} --to {DAY}", variables(settings))
    assert any("registry.download_events" in line and "1,234" in line for line in counted.stdout.splitlines())
    assert call(f"status --from {DAY} --to 2025-01-01", variables(settings)).exit_code != 0

    found = call("doctor", variables(settings))
    assert found.exit_code == 1  # days are missing up to yesterday
    for text in (
        "✓ landing download_events: 1 file\n",
        "✓ migrations",
        "✓ files read",
        "✓ checks",
        "✓ views",
        "✗ daemon",
    ):
        assert text in found.stdout, found.stdout
    (settings.landing_dir / "download_events" / "a.ndjson").unlink()
    write(settings, "download_events/b.ndjson.gz", b"").write_bytes(b"rubbish")
    load_and_aggregate(database, DAY, DAY)
    found = call("doctor", variables(settings))
    assert "✗ files read: download_events/a.ndjson is gone; download_events/b.ndjson.gz could not be" in found.stdout


def test_what_dagster_calls_beta_and_preview_is_not_told_to_users(tmp_path: Path) -> None:
    """In a process of its own: the tests have filters of theirs."""
    program = "from analytics_etl.orchestration.definitions import load; load().resolve_job_def('daily')"
    environment = {**os.environ, "ANALYTICS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("arguments", [f"run {DAY}", "status", "doctor", "migrate", f"report {DAY}"])
def test_no_password_when_the_database_cannot_be_reached(tmp_path: Path, arguments: str) -> None:
    environment = {"ANALYTICS_DATABASE_URL": UNREACHABLE, "ANALYTICS_HOME": str(tmp_path)}
    if arguments.startswith("run"):  # for once in a process of its own, with whatever it says at its end
        command = [sys.executable, "-m", "analytics_etl.cli", *arguments.split()]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        code, said = done.returncode, done.stdout + done.stderr
    else:
        result = call(arguments, environment)
        code, said = result.exit_code, result.output
        assert isinstance(result.exception, SystemExit)
    assert code == 1
    assert "Traceback" not in said
    assert "ANALYTICS_DATABASE_URL" in said
    assert SECRET not in said
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_no_password_in_dagsters_configuration(settings: Settings, tmp_path: Path) -> None:
    assert settings.database_url is not None
    with_password = settings.database_url.replace("postgres@", f"postgres:{SECRET}@", 1)
    home = tmp_path / "other"
    told = dagster_instance.prepare(Settings(home=home, database_url=with_password))
    assert SECRET in told[dagster_instance.STORAGE_URL_VARIABLE]  # only the environment knows it
    written = [path for path in home.rglob("*") if path.is_file()]
    assert home / "dagster" / "dagster.yaml" in written
    assert all(SECRET.encode() not in path.read_bytes() for path in written)
    assert SECRET not in repr(Settings(database_url=with_password))
    assert migrations.current(settings) == migrations.head()
