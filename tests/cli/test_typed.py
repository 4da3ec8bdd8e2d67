"""What a person types wrongly: every parameter of every command, every cursor, every setting is told in a line."""

import re
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click
import pytest
from click.testing import CliRunner, Result
from commands import variables
from conftest import Server, settings_in
from events import event_id, load, restored_environment, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli import main
from analytics_etl.config.environment import VARIABLES
from analytics_etl.config.parameters import load_parameters
from analytics_etl.config.settings import SQL_DIR, Settings, SettingsError
from analytics_etl.config.values import FIRST_DAY, LAST_DAY, typed_day
from analytics_etl.families.queries import QueryError, cursor
from analytics_etl.orchestration.housekeeping import oldest_kept
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 31)
ID = str(UUID(int=1))

NEVER = ["", "a\0b", "caf\udce9", "\ud800", "x" * 100_000]
"""What no parameter takes: nothing, a NUL, a byte and a character that are no UTF-8, far too much."""
EDGES = [
    *("0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("99999999999999999999", "-1", "~nosuchuser", "no.such", "[/b]\x1b[31m"),
    *(f"0001-01-01T00:00:00+14:00,{ID}", "5,AA==", "99999999999999999999,QQ==", "-5,QQ=="),
]
"""What some parameter may take; then there is an answer."""
HARMLESS = {
    "day": "2024-12-31", "table": "registry.download_events", "path": "download_events/x", "reason": "why",
    "schedule_id": "s", "module": "m", "category": "system",
    "start": "2025-03-31", "first": "2025-03-31", "command": "no-such-program",
    "role": "viewer",
}  # fmt: skip
"""For the other parameters a command requires, by name: days before the first partition, so that nothing is run."""
SMALL: dict[tuple[str, ...], list[str]] = {
    ("sample",): ["--days", "1", "--events-per-day", "1"],
    ("backfill",): ["2024-12-31", "2024-12-31"],
}
"""What else keeps a command from long work."""


def commands(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of the tree that is no group, by what is typed."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands())
TYPED = [
    (path, parameter)
    for path, command in COMMANDS.items()
    for parameter in command.params
    if not getattr(parameter, "is_flag", False)
]
"""The parameters that take a value."""
named = [f"{' '.join(path)} {parameter.name}" for path, parameter in TYPED]


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A day of schedule executions and one of usage, so that questions reach the tables."""
    settings = settings_in(tmp_path_factory.mktemp("typed"), server.clone())
    yield settings
    server.drop(settings.database_url or "")


def typed(settings: Settings, *arguments: str, **environment: str) -> Result:
    with restored_environment():
        return CliRunner(env={"COLUMNS": "200", **variables(settings), **environment}).invoke(main, list(arguments))


def with_value(path: tuple[str, ...], parameter: click.Parameter, value: str) -> list[str]:
    """The arguments that give a parameter this value, and the others that are required something harmless."""
    options: list[str] = list(path)
    arguments: list[str] = []
    for other in COMMANDS[path].params:
        given = value if other is parameter else HARMLESS.get(other.name or "")
        if not (other is parameter or other.required) or given is None:
            continue
        if isinstance(other, click.Argument):
            arguments.append(given)
        else:
            options += [max(other.opts, key=len), given]
    small = SMALL.get(path, [])
    if isinstance(parameter, click.Argument) and not parameter.required:  # FROM and TO of a range
        return [*options, *([value, "2025-03-31"] if parameter.name == "first" else ["2025-03-31", value])]
    if isinstance(parameter, click.Option):
        small = [] if max(parameter.opts, key=len) in small else small
    return [*options, *small, *arguments]


def refusal(result: Result) -> str:
    """The line a mistake is told in, after how the command is used."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    usage, hint, empty, said = result.stderr.splitlines()
    assert (usage[:7], hint[:4], empty, said[:7]) == ("Usage: ", "Try ", "", "Error: ")
    assert said.isprintable()
    assert len(said) < 5_000
    return said


@pytest.mark.parametrize(("path", "parameter"), TYPED, ids=named)
def test_a_value_that_nothing_can_be_is_refused_in_a_line(
    loaded: Settings, path: tuple[str, ...], parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in NEVER:
        refusal(typed(loaded, *with_value(path, parameter, value)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("path", "parameter"), TYPED, ids=named)
def test_a_value_at_an_end_is_answered_or_refused(
    loaded: Settings, path: tuple[str, ...], parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in EDGES:
        result = typed(loaded, *with_value(path, parameter, value))
        if result.exit_code == 2:
            refusal(result)
            continue
        assert result.exception is None or isinstance(result.exception, SystemExit), (value, result.exception)
        assert result.exit_code == 0 or re.fullmatch("Error: .*\n", result.stderr), (value, result.output)


@pytest.mark.parametrize(("path", "parameter"), TYPED, ids=named)
def test_every_parameter_has_a_type_with_bounds(path: tuple[str, ...], parameter: click.Parameter) -> None:
    kind = type(parameter.type)
    is_program = path == ("exec",)
    assert is_program or kind not in (click.types.StringParamType, click.types.IntParamType, click.DateTime, click.Path)


@pytest.mark.parametrize(
    "arguments",
    [
        "query usage events --from 2025-03-31 --to 9999-12-31",
        "query schedules errors --from 2025-03-31 --to 9999-12-31",
        "query schedules events --from 9999-12-31",
        "query registry events --kind view --failed-only",
        "status --to 9999-12-31",
        "status --to 0001-01-05",
        "status --from 1900-01-01 --to 2999-12-31",
        "report 9999-12-31",
        f"query usage events --from 2025-03-31 --after 0001-01-01T00:00:00+14:00,{ID}",
        "query schedules errors --from 2025-03-31 --after 5,AA==",
        "changes --limit 99999999999999999999",
        "changes 2025-03-31 2025-03-30",
        "changes --table registry.nothing",
        "reopen 2025-03-31 --reason caf\udce9",
        "run 2025-03-31 --family registries",
        "restore registry.nothing 2025-03-31 --reason why",
        "forget download_events/nothing --reason why",
        "migrate --down 0099",
        "exec ../bin/python",
    ],
)
def test_what_was_typed_wrongly_is_told(loaded: Settings, arguments: str) -> None:
    refusal(typed(loaded, *arguments.split(" ")))


def test_a_long_range_with_little_in_it_is_answered(loaded: Settings) -> None:
    whole = ["--from", FIRST_DAY.isoformat(), "--to", LAST_DAY.isoformat()]
    for question in (
        "usage statistics",
        "usage events",
        "schedules events",
        "schedules statistics",
        "schedules errors",
        "registry statistics --grain 1m",
        "registry events",
    ):
        result = typed(loaded, "query", *question.split(), *whole)
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        assert f"{FIRST_DAY} to {LAST_DAY} are not loaded" in result.stderr
    assert typed(loaded, "changes", *whole[1::2]).exit_code == 0
    assert typed(loaded, "status", "--to", LAST_DAY.isoformat()).exit_code == 0
    assert typed(loaded, "status", "--to", FIRST_DAY.isoformat()).exit_code == 0


def test_moments_are_typed_as_answers_print_them(settings: Settings, database: Database) -> None:
    recorded = {
        "event_id": event_id(1), "recorded_at": "2025-03-31T10:00:00Z", "schedule_id": "s", "execution_id": "e",
        "schedule_type": "mongo", "event_type": "execution", "level": "INFO", "result": "success", "retry_count": 0,
    }  # fmt: skip
    write(settings, "schedule_events/a.ndjson", [recorded])
    load(database, "schedules.schedule_events", DAY)

    def found(start: str, end: str) -> bool:
        result = typed(settings, "query", "schedules", "events", "--from", start, "--to", end, "--format", "csv")
        assert result.exit_code == 0, result.output
        return event_id(1) in result.stdout

    for start in ("2025-03-31T10:00:00Z", "2025-03-31T12:00+02:00", "2025-03-31 10:00", "2025-03-31T10:00:00.000000Z"):
        assert found(start, "2025-03-31T10:00:01Z")
        assert found(start, "2025-03-31")
    assert not found("2025-03-31T10:00:00.000001Z", "2025-03-31T10:00:01Z")
    assert not found("2025-03-31", "2025-03-31T10:00:00Z")


@pytest.mark.parametrize("count", ["99999999999999999999", "-1", "9223372036854775808", "x", ""])
def test_a_count_in_a_cursor_has_bounds(count: str) -> None:
    with pytest.raises(QueryError, match="the cursor must be the one that came"):
        cursor.read_count_cursor(f"{count},QQ==")


def test_cursors_read_back() -> None:
    for text in ("", "a", "é\n[/b]", "x" * 1000):
        assert cursor.read_count_cursor(cursor.count_cursor_of(7, text)) == (7, text)
    for wrong in (urlsafe_b64encode(b"a\0").decode(), urlsafe_b64encode(b"\xff").decode(), "===", "é"):
        with pytest.raises(QueryError):
            cursor.read_count_cursor(f"7,{wrong}")
    for at in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:01", "99999-01-01", ""):
        with pytest.raises(QueryError):
            cursor.read_cursor(f"{at},{ID}")


@pytest.mark.parametrize(
    "variable", [*VARIABLES.values(), *(parameter.variable for parameter in load_parameters(SQL_DIR).values())]
)
def test_a_setting_is_taken_or_refused_in_a_line(variable: str) -> None:
    for value in (*EDGES, "caf\udce9", "x" * 100_000, "~nosuchuser/x", "7,no_such_table=3", "nan", "inf", "1e999"):
        said = ""
        try:
            settings = Settings.from_environment({variable: value})
            Catalog.of(settings)
        except SettingsError as error:
            said = str(error)
        else:
            oldest_kept(datetime.now(UTC), settings)
            settings.start_date - timedelta(days=max(settings.restored_days, settings.lateness.default))
        assert not said or "ANALYTICS_" in said  # perhaps another one that belongs to it
        assert len(said) < 3_000
        assert said.isprintable()


def test_what_a_setting_must_be_is_told() -> None:
    for variable, value, expected in (
        ("ANALYTICS_HOME", "~nosuchuser/x", "must be a folder: no URL, no ~ of a user there is not"),
        ("ANALYTICS_LANDING_DIR", "/" + "x" * 256, "no name too long"),
        ("ANALYTICS_REPORTS_DIR", "/caf\udce9", "must be a folder"),
        ("ANALYTICS_START_DATE", "0001-01-01", "must be a date like 2025-01-01 from 1900-01-01 to 2999-12-31"),
        (
            "ANALYTICS_LOADER_MEMORY_MB",
            "99999999999999999999",
            "must be megabytes, 128 or more and at most 1,000,000, but",
        ),
        ("ANALYTICS_USAGE_TARGET_P95_MS", "1000000000", "1 or more and at most 100,000,000, but"),  # 4 times it: 2^32
        ("ANALYTICS_VOLUME_FACTOR", "1e308", "0 or never switches it off and at most 1,000,000, but"),
        (
            "ANALYTICS_TRENDING_MIN_DOWNLOADS",
            "99999999999999999999",
            "a whole number of downloads, 1 or more and at",
        ),
    ):
        with pytest.raises(SettingsError, match=re.escape(expected)):
            Settings.from_environment({variable: value})
    with pytest.raises(SettingsError, match="ANALYTICS_LATENESS_DAYS names download_event, expected some of platform"):
        Catalog.of(Settings.from_environment({"ANALYTICS_LATENESS_DAYS": "7,download_event=14"}))
    Catalog.of(Settings.from_environment({"ANALYTICS_LATENESS_DAYS": "7,download_events=14,usage.schema_usage_1d=8"}))


def test_all_that_is_wrong_is_told_at_once_and_no_url() -> None:
    wrong = {
        "ANALYTICS_DATABASE_URL": "postgresql:me:hunter2@host", "ANALYTICS_STATEMENT_HOURS": "0",
        "ANALYTICS_LATENESS_DAYS": "soon", "ANALYTICS_REPORTS_DIR": " ",
    }  # fmt: skip
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment(wrong)
    assert str(refusal.value) == (
        "ANALYTICS_DATABASE_URL must begin with postgresql://, e.g. postgresql://user@host:5432/db; "
        "ANALYTICS_STATEMENT_HOURS must be whole hours from 1 to 500, but is '0'; "
        "ANALYTICS_LATENESS_DAYS must be whole days like 7, or 7,download_events=14, but is 'soon'"
    )
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_settings_are_read_by_their_very_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_STATEMENT_HOURS", "3")
    monkeypatch.setenv("analytics_restored_days", "3")
    settings = Settings.from_environment()
    assert (settings.statement_hours, settings.restored_days) == (3, 7)
    assert Settings().statement_hours == 6  # which reads nothing


def test_a_day_typed_in_the_ui_is_told_like_one_of_the_command_line() -> None:
    assert typed_day("2025-03-31") == DAY
    for wrong in ("soon", "0001-01-01", "9999-12-31", "", "x" * 100_000):
        with pytest.raises(ValueError, match=r"^expected a day like 2025-03-31, 1900-01-01 to 2999-12-31, got '.*'$"):
            typed_day(wrong)


def test_what_is_kept_for_longer_than_any_time_is_kept(loaded: Settings) -> None:
    for variable, command in (
        ("ANALYTICS_DAGSTER_KEEP_DAYS", "prune"),
        ("ANALYTICS_HOT_DAYS", "archive"),
        ("ANALYTICS_PERSONAL_RETENTION_DAYS", "archive"),
    ):
        result = typed(loaded, command, "--dry-run", **{variable: "9999999999"})
        assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert typed(loaded, "status", ANALYTICS_HOME="~nosuchuser/x").exit_code == 1


def test_a_folder_that_cannot_be_made_is_told(loaded: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    result = typed(loaded, "sample", "--days", "1", "--events-per-day", "20", "--to", str(tmp_path / "file" / "below"))
    assert (result.exit_code, result.stdout) == (1, "")
    [*_, said] = result.stderr.splitlines()
    assert said == f"Error: {tmp_path}/file/below cannot be used: Not a directory"
