"""What doctor says to type mends what is wrong: the fault is made, the advice typed, and all is well again."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from commands import call, variables
from conftest import Server
from dagster._daemon.types import DaemonHeartbeat
from due import settle
from events import (
    DAY,
    Event,
    ask,
    compilation,
    download,
    execute,
    load_and_aggregate,
    restored_environment,
    rows_of,
    view,
    write,
    write_raw,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.doctor import Finding, examine
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.pipeline.loading import scan_files
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

NAMED = f"download_events/{DAY}.ndjson"
ZIPPED = f"{NAMED}.gz"
OF_REPORTS = {"reports"}
"""Written by tests' own books, so that runs of other days find them outdated: not what these tests are about."""


@pytest.fixture(scope="module")
def one_day(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Everything is as it should be on the day after the only day."""

    def make(database: Database) -> None:
        settings = database.settings
        write(settings, "download_events/a.ndjson", [download(n) for n in range(20)])
        write(settings, "module_view_events/a.ndjson", [view(1)])
        write(settings, "compilation_events/a.ndjson", [compilation(1)])
        load_and_aggregate(database, DAY, DAY)
        settle(database, DAY, DAY)

    with server.made_once(tmp_path_factory.mktemp("one_day"), make, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def well(server: Server, one_day: Settings, settings: Settings) -> Settings:
    server.copy(one_day, settings)
    return settings


def wrong(settings: Settings, catalog: Catalog, today: date = DAY + timedelta(days=1)) -> dict[str, Finding]:
    """What is wrong, but for the daemon, which is not there."""
    with restored_environment(), dagster_instance.instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp(), "SENSOR", "x", []))
    return {found.subject: found for found in examine(settings, catalog, today) if not found.is_well}


def commands(finding: Finding) -> list[str]:
    """What the advice says to type, in order; no command has a word left to fill in but the reason."""
    found = re.findall(r"analytics-etl ([^\n;`]+)", finding.advice or "")
    assert found, finding
    assert not [word for command in found for word in command.split() if word in ("DATE", "PATH", "DAY")], finding
    return found


def typed_by(settings: Settings, command: str) -> Result:
    """Type a command; of one that runs days only this family is run, which takes a third of the time."""
    of = " --family registry" if command.startswith(("run", "backfill")) else ""
    return call(command + of, variables(settings))


def type_all(settings: Settings, typed: list[str]) -> None:
    for command in typed:
        result = typed_by(settings, command)
        assert result.exit_code == 0, f"{command}: {result.output}"


def many_runs(settings: Settings) -> int:
    (row,) = ask(settings.database_url, "select count(*) as n from dagster.runs")
    return int(row["n"])


def is_not_run_again(settings: Settings, expected: str) -> None:
    """`backfill --missing` says what failed and what to do, and runs nothing of it, however often it is typed."""
    type_all(settings, ["backfill --missing"])  # weeks, months and views that the failed run did not come to
    before = many_runs(settings)
    again = typed_by(settings, "backfill --missing")
    assert again.exit_code == 0, again.output
    assert "nothing has changed since, so it is not run again" in again.stdout
    assert expected in again.stdout
    assert "nothing else to do" in again.stdout
    assert many_runs(settings) == before


def mended(settings: Settings, path: Path) -> list[str]:
    write(settings, ZIPPED, [download(100)])
    assert path.exists()
    return []


def moved_away(settings: Settings, path: Path) -> list[str]:
    path.rename(settings.home / path.name)
    return [f"forget {ZIPPED} --reason why"]


@pytest.mark.parametrize("do", [mended, moved_away])
def test_a_file_that_cannot_be_read(
    well: Settings, catalog: Catalog, do: Callable[[Settings, Path], list[str]]
) -> None:
    path = write_raw(well, ZIPPED, b"no gzip at all")
    assert "files_are_readable" in typed_by(well, f"run {DAY}").output
    is_not_run_again(well, f"mend {ZIPPED} under its name")
    found = wrong(well, catalog)
    assert set(found) == {"files read", "checks"}
    assert f"{ZIPPED} could not be read" in found["files read"].detail
    assert found["checks"].advice == "see files read: once that is mended, so is this"
    assert commands(found["files read"]) == [f'forget {ZIPPED} --reason "why"', f"run {DAY}"]
    type_all(well, [*do(well, path), f"run {DAY}"])
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_a_file_that_is_gone(well: Settings, catalog: Catalog) -> None:
    """Forgetting it counts as a change, so that the backfill runs its day, too."""
    path = write(well, NAMED, [download(100)])
    type_all(well, [f"run {DAY}"])
    path.unlink()
    assert "files_are_readable" in typed_by(well, f"run {DAY}").output
    finding = wrong(well, catalog)["files read"]
    assert finding.detail == f"{NAMED} is gone"
    forget, run = commands(finding)
    assert (forget, run) == (f'forget {NAMED} --reason "why"', f"run {DAY}")
    type_all(well, [forget, "backfill --missing"])
    assert len(rows_of(well.database_url)) == 20
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_a_file_most_of_whose_rows_are_rejected(well: Settings, catalog: Catalog) -> None:
    bad: list[Event] = [download(100 + n, file_size=-1) for n in range(15)]
    write(well, NAMED, bad)
    assert "files_are_mostly_valid" in typed_by(well, f"run {DAY}").output
    found = wrong(well, catalog)
    assert "checks" in found
    assert "a row breaks the rule" in found["checks"].detail
    assert commands(found["checks"])[-1] == f"run {DAY}"
    write(well, NAMED, [download(100 + n) for n in range(15)])
    type_all(well, commands(found["checks"])[-1:])
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_rows_that_tell_no_day(well: Settings, catalog: Catalog) -> None:
    write(well, "download_events/b.ndjson", [download(100 + n, downloaded_at="soon") for n in range(5)])
    type_all(well, ["backfill --missing"])
    found = wrong(well, catalog)
    assert set(found) - OF_REPORTS == {"rejected rows"}
    assert commands(found["rejected rows"])[-1] == "backfill --missing"
    write(well, "download_events/b.ndjson", [download(100 + n) for n in range(5)])
    type_all(well, ["backfill --missing"])
    assert len(rows_of(well.database_url)) == 25
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_a_file_that_is_no_events(well: Settings, catalog: Catalog) -> None:
    path = write(well, f"compilation_events/{DAY}.xlsx", b"x")
    typed_by(well, f"run {DAY}")
    found = wrong(well, catalog)
    assert {"landing compilation_events", "checks"} <= set(found)
    assert found["checks"].advice == "see landing compilation_events: once that is mended, so is this"
    assert commands(found["landing compilation_events"])[-1] == "backfill --missing"
    path.unlink()
    type_all(well, commands(found["landing compilation_events"]))
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_rows_that_somebody_altered(well: Settings, catalog: Catalog, database: Database) -> None:
    """The check that reconciles a table with its events finds it; a run makes the table anew."""
    table = "registry.language_stats_daily"
    execute(well.database_url, f"update {table} set compilation_count = compilation_count + 1")
    checks = [check for check in declared_checks(catalog)[table] if check.name == "matches_events"]
    results = evaluate(database, targets(catalog)[table], checks, {DAY: DAY + timedelta(days=1)})
    record_checks(database, results)
    is_not_run_again(well, f"→ analytics-etl run {DAY}")
    found = wrong(well, catalog)
    assert set(found) - OF_REPORTS == {"checks"}
    assert found["checks"].detail.startswith(f"1 failed check: matches_events of {table} {DAY}: a row breaks the rule")
    assert commands(found["checks"]) == [f"run {DAY}"]
    type_all(well, commands(found["checks"]))
    assert set(wrong(well, catalog)) <= OF_REPORTS


def test_a_change_that_was_refused(well: Settings, catalog: Catalog, database: Database) -> None:
    """It is told once, although the rows that wait are late as well."""
    last = DAY + timedelta(days=8)
    write(well, "download_events/later.ndjson", [download(500, last)])
    load_and_aggregate(database, DAY, last)
    settle(database, DAY, last)
    write(well, "download_events/late.ndjson", [download(600 + n) for n in range(10)])
    assert typed_by(well, f"run {DAY}").exit_code == 1
    scan_files(catalog, database, None, lambda _: None)
    today = last + timedelta(days=1)
    found = wrong(well, catalog, today)
    assert found["late rows"].advice == "see changes: what publishes them loads these rows"
    assert commands(found["changes"]) == [
        f"changes {DAY} {DAY}", f'run {DAY} --accept-change --reason "why"'
    ]  # fmt: skip
    type_all(well, commands(found["changes"]))
    assert len(rows_of(well.database_url)) == 31
    assert not {"changes", "late rows", "checks"} & set(wrong(well, catalog, today))


def test_nothing_is_loaded_yet(settings: Settings, catalog: Catalog) -> None:
    """One file may hold rows of other days than its name says: one cure for all of them, read or not."""
    write(settings, NAMED, [download(1), download(2, DAY - timedelta(days=1))])
    cure = "analytics-etl backfill --missing"
    found = wrong(settings, catalog)
    assert found["days"].detail == "no day has been loaded"
    assert found["days"].advice == f"with files in the landing folders above: {cure}"
    scan_files(catalog, Database(settings), None, lambda _: None)
    found = wrong(settings, catalog)
    days = f"{DAY - timedelta(days=1)} to {DAY}"
    assert (found["days"].detail, found["days"].advice) == (
        f"no day has been loaded; files hold events of {days}",
        cure,
    )
    type_all(settings, ["backfill --missing"])
    assert "days" not in wrong(settings, catalog)


def test_a_table_that_lacks_a_day(well: Settings, catalog: Catalog) -> None:
    execute(
        well.database_url,
        f"delete from ops.partitions where table_name = 'registry.org_stats_daily' and period_start = '{DAY}'",
    )
    found = wrong(well, catalog)
    assert set(found) - OF_REPORTS == {"days"}
    type_all(well, commands(found["days"]))
    assert set(wrong(well, catalog)) <= OF_REPORTS
