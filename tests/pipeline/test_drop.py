"""Undoing days: afterwards everything is as if they had never been run, whoever is interrupted in between."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from commands import variables
from conftest import Server, settings_in
from events import (
    DOWNLOADS,
    all_tables,
    ask,
    booked,
    days_of,
    declared,
    download,
    event_id,
    load,
    load_and_aggregate,
    restored_environment,
    rows_of,
    write,
)

from analytics_etl.catalog.calendar import Cadence, period_start, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli import main
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring import doctor
from analytics_etl.ops.archives import archived_days
from analytics_etl.ops.records import waiting_days
from analytics_etl.pipeline import dropping, lake_upkeep, publishing, retention
from analytics_etl.pipeline.late import late_days, new_files
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

FIRST, LAST = date(2025, 3, 30), date(2025, 4, 1)  # a Sunday to a Tuesday: two weeks, two months
DAYS = days_of(FIRST, LAST)
FAMILIES_IN_USE = ("registry", "schedules")
BOOKS = {
    "partitions": "table_name, period_start, period_end, rows, code_version",
    "days": "table_name, day, state, is_final, final_from, rows, rows_waiting, files_waiting, failed_checks, failure",
    "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting",
    "loaded_files": "table_name, path, state, rows_read, rows_valid, rows_rejected",
    "check_results": "table_name, check_name, period_start, passed",
    "reports": "family, cadence, period_start",
    "report_figures": "family, cadence, period_start, figure, value",
}


def execution(number: int, day: date) -> dict[str, Any]:
    return {
        "event_id": event_id(number), "recorded_at": f"{day}T10:00:00Z", "schedule_id": "s",
        "execution_id": f"e{number}",
        "schedule_type": "mongo", "event_type": "run", "level": "INFO", "result": "success", "retry_count": 0,
        "started_at": f"{day}T09:59:00Z", "finished_at": f"{day}T10:00:00Z",
    }  # fmt: skip


def write_day(settings: Settings, day: date) -> None:
    numbers = range(day.day * 10, day.day * 10 + 5)
    write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in numbers])
    write(settings, f"schedule_events/{day}.ndjson", [execution(n, day) for n in numbers])


def write_reports(database: Database, families: Sequence[str], *days: date) -> None:
    cadences: tuple[Cadence, ...] = ("day", "week", "month")
    for family in families:
        for cadence in cadences:
            for start in sorted({period_start(cadence, day) for day in days}):
                write_report(database, declared(), family, cadence, start)
    write_index(database.settings.reports_dir)


def books(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return {
        book: ask(settings.database_url, f"select {columns} from ops.{book} order by {columns}")
        for book, columns in BOOKS.items()
    }


def reports(settings: Settings) -> dict[str, Any]:
    """What the reports on disk say: state, numbers, links; not when and with which newest day they were written."""
    found = {}
    for path in sorted(settings.reports_dir.glob("*/*/*.json")):
        value = json.loads(path.read_text())
        value["state"].pop("newest_day")
        found[str(path.relative_to(settings.reports_dir))] = [value[part] for part in ("state", "kpis", "links")]
    return found


def typed(settings: Settings, *arguments: str) -> Result:
    with restored_environment():
        return CliRunner(env={"COLUMNS": "200", **variables(settings)}).invoke(main, list(arguments))


def drop(database: Database, first: date, last: date, families: tuple[str, ...] = ()) -> dropping.Dropped:
    target = dropping.target_of(declared(), first, last, families)
    return dropping.run(database, declared(), target, "test", "why", lambda *_: None)


@pytest.fixture
def twin(server: Server, settings: Settings) -> Iterator[Settings]:
    """Another empty database, for what was never there."""
    url = server.clone()
    yield settings_in(settings.home.parent / "twin", url, families=settings.families)
    server.drop(url)


def loaded(settings: Settings, families: Sequence[str], *days: date) -> Database:
    """Days that were run, with their reports."""
    database = Database(settings)
    for day in days:
        write_day(settings, day)
    load_and_aggregate(database, days[0], days[-1], families)
    write_reports(database, families, *days)
    return database


def assert_same(settings: Settings, twin: Settings) -> None:
    assert all_tables(settings) == all_tables(twin)
    assert reports(settings) == reports(twin)
    assert books(settings) == books(twin)


@pytest.mark.parametrize(
    ("family", "gone"), [("registry", DAYS[2]), ("schedules", DAYS[1])], ids=["the newest", "one between"]
)
def test_what_is_left_is_as_if_the_day_had_never_been_run(
    settings: Settings, twin: Settings, family: str, gone: date
) -> None:
    """Its files are taken away, too."""
    left = [day for day in DAYS if day != gone]
    database = loaded(settings, [family], *DAYS)
    for path in settings.landing_dir.glob(f"*/{gone}.ndjson"):
        path.unlink()
    drop(database, gone, gone, (family,))

    for day in left:
        write_day(twin, day)
    for day in left:
        load_and_aggregate(Database(twin), day, day, [family])
    write_reports(Database(twin), [family], *left)
    assert_same(settings, twin)
    [audit] = ask(settings.database_url, "select actor, action, subject, reason from ops.audit")
    assert tuple(audit.values()) == ("test", "drop", f"{gone} to {gone} of {family}", "why")


def test_a_wrong_year_is_undone_completely(settings: Settings) -> None:
    """All days before became final by it; the reports say what they said."""
    database = loaded(settings, ["registry"], *DAYS)
    before = (all_tables(settings), books(settings), reports(settings))
    wrong = FIRST.replace(year=2026)
    load_and_aggregate(database, wrong, wrong, ["registry"])
    write_reports(database, ["registry"], *DAYS, wrong)
    states = {row["state"] for row in books(settings)["days"] if row["day"] < wrong}
    assert states == {"final"}
    drop(database, wrong, wrong)
    assert (all_tables(settings), books(settings), reports(settings)) == before


def test_all_days_of_one_family_go_and_the_other_stays(settings: Settings) -> None:
    database = loaded(settings, FAMILIES_IN_USE, *DAYS[:2])
    before = {table: rows for table, rows in all_tables(settings).items() if "schedules." in table}
    seen = drop(database, FIRST, LAST, ("registry",))
    after = all_tables(settings)
    assert {table: rows for table, rows in after.items() if "schedules." in table} == before
    assert {table for table, rows in after.items() if "registry." in table and rows} == set()
    assert {path.split("/")[0] for path in reports(settings)} == {"schedules"}
    assert seen.remade == {}
    again = drop(database, FIRST, LAST, ("registry",))
    assert again.is_nothing


def test_files_that_are_there_wait_and_are_loaded_again(settings: Settings) -> None:
    """Also one that holds another day, too; one that is gone is forgotten."""
    database = Database(settings)
    write(settings, "download_events/both.ndjson", [download(1, FIRST), download(2, LAST), download(3, LAST)])
    gone = write(settings, "download_events/gone.ndjson", [download(4, LAST)])
    load(database, DOWNLOADS, FIRST, LAST)
    before = [row for row in rows_of(settings.database_url) if event_id(4) not in row]
    gone.unlink()
    seen = drop(database, LAST, LAST)
    assert [(file.path, file.rows, file.has_other_days, file.is_there) for file in seen.found.files] == [
        ("download_events/both.ndjson", 2, True, True), ("download_events/gone.ndjson", 1, False, False)
    ]  # fmt: skip
    assert booked(settings.database_url) == {
        "download_events/both.ndjson": {str(FIRST): (1, 0, 1, 0, 0), str(LAST): (2, 0, None, None, None)}
    }
    [waiting] = database.run(waiting_days)
    assert (waiting["day"], waiting["rows_waiting"], waiting["is_loaded"]) == (LAST, 2, False)
    load(database, DOWNLOADS, LAST)
    assert rows_of(settings.database_url) == before


def test_a_file_that_comes_back_is_read_again(settings: Settings) -> None:
    database = Database(settings)
    path = write(settings, "download_events/both.ndjson", [download(1, FIRST), download(2, LAST)])
    load(database, DOWNLOADS, FIRST, LAST)
    away = path.rename(settings.home.parent / "away")
    drop(database, LAST, LAST)
    assert booked(settings.database_url) == {"download_events/both.ndjson": {str(FIRST): (1, 0, 1, 0, 0)}}
    away.rename(path)
    [file] = new_files(declared().contracts[DOWNLOADS], declared(), database)
    assert file.path == "download_events/both.ndjson"


def test_interrupted_before_the_commit_nothing_has_happened(settings: Settings) -> None:
    database = loaded(settings, ["registry"], *DAYS[:1])
    tables, before = all_tables(settings), books(settings)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dropping.drop_days(database, dropping.target_of(declared(), FIRST, FIRST), "test", "why", interrupt)
    assert (all_tables(settings), books(settings)) == (tables, before)
    assert drop(database, FIRST, FIRST).rows > 0


@pytest.mark.parametrize("mended_by", ["drop", "backfill --missing"])
def test_interrupted_after_the_commit_it_goes_on(settings: Settings, twin: Settings, mended_by: str) -> None:
    database = loaded(settings, ["schedules"], *DAYS)
    for path in settings.landing_dir.glob(f"*/{LAST}.ndjson"):
        path.unlink()
    target = dropping.target_of(declared(), LAST, LAST, ("schedules",))
    dropping.drop_days(database, target, "test", "why", lambda _: None)
    plan = make_plan(database, declared(), FIRST, DAYS[1], ("schedules",))
    gaps = [(item.table, item.start) for item in plan.partitions if item.why == "made of days that were dropped since"]
    # What happens to executions is looked for on the 2 days after theirs.
    assert ("schedules.schedule_flow_daily", DAYS[1]) in gaps
    assert str(plan.jobs[0]) == (
        f"daily {FIRST} to {DAYS[1]}: schedules.schedule_flow_daily; schedules.daily_report"
    ), "nothing else is made anew"
    if mended_by == "drop":
        drop(database, LAST, LAST, ("schedules",))
    else:
        load_and_aggregate(database, FIRST, DAYS[1], ["schedules"])
    for day in DAYS[:2]:
        write_day(twin, day)
    load_and_aggregate(Database(twin), FIRST, DAYS[1], ["schedules"])
    assert all_tables(settings) == all_tables(twin)
    assert books(settings)["partitions"] == books(twin)["partitions"]


def test_archived_days_are_refused(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    database = Database(replace(settings, hot_days=PerTable(1), lateness=PerTable(1)))
    load(database, DOWNLOADS, FIRST, LAST)
    retention.run(database, declared(), "test", lambda *_: None)
    refused = typed(settings, "drop", str(FIRST), "--to", str(LAST), "--reason", "why")
    assert refused.exit_code == 1
    assert f'analytics-etl restore {DOWNLOADS} {FIRST} --reason "why"' in refused.stderr
    assert database.run(archived_days, [DOWNLOADS], FIRST, LAST) == {DOWNLOADS: [FIRST]}
    contract = declared().contracts[DOWNLOADS]
    Archiver(database.settings).restore(contract, FIRST, "test", "why")
    drop(database, FIRST, LAST)
    assert rows_of(settings.database_url) == []
    assert ask(settings.database_url, "table ops.archives") == []


def test_archived_days_that_nobody_needs_go_with_their_files(settings: Settings) -> None:
    """Those of the demo."""
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    database = Database(replace(settings, hot_days=PerTable(1), lateness=PerTable(1)))
    load(database, DOWNLOADS, FIRST, LAST)
    retention.run(database, declared(), "test", lambda *_: None)
    current = "select day from ops.current_lake_files where table_name = %s order by day"
    assert [row["day"] for row in ask(settings.database_url, current, [DOWNLOADS])] == [FIRST, LAST]
    target = dropping.target_of(declared(), FIRST, LAST, are_archives_needed=False)
    dropping.run(database, declared(), target, "test", "why", lambda *_: None)
    assert ask(settings.database_url, current, [DOWNLOADS]) == []
    lake_upkeep.collect(database, 0)
    assert list(settings.lake_dir.glob("registry/download_events/*/*.parquet")) == []
    assert rows_of(settings.database_url) == []
    assert ask(settings.database_url, "table ops.archives") == []


def test_settings_that_selects_name_count(settings: Settings) -> None:
    """What is made anew is made with them, and not outdated at once."""
    for day in DAYS[:2]:
        write_day(settings, day)
    environment = {
        **variables(replace(settings, families=("usage",))), "ANALYTICS_USAGE_TARGET_P95_MS": "50",
    }  # fmt: skip
    with restored_environment():
        os.environ.update(environment)
        catalog = Catalog.of(Settings.from_environment())
    database = Database(settings)
    usage = [table for table in catalog.in_order() if table.startswith("usage.")]
    for table in usage:
        if table in catalog.contracts:
            load(database, table, *DAYS[:2])
        elif table in catalog.aggregates:
            publishing.replace(database, catalog.aggregates[table], periods("day", FIRST, DAYS[1]))
    before = books(settings)["partitions"]
    with restored_environment():
        result = CliRunner(env=environment).invoke(main, ["drop", str(FIRST), "--reason", "why", "--family", "usage"])
    assert result.exit_code == 0, result.output
    assert books(settings)["partitions"] == [row for row in before if row["period_start"] != FIRST]


def test_the_command_says_what_goes_and_what_stays(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    load(Database(settings), DOWNLOADS, LAST)
    words = ("drop", str(LAST), "--reason", "a try")
    plan = typed(settings, "drop", str(LAST), "--dry-run")  # which needs no reason
    unexplained = typed(settings, "drop", str(LAST))
    assert unexplained.exit_code == 2
    assert "Missing option --reason. say why, or use --dry-run" in unexplained.stderr
    assert plan.exit_code == 0, plan.output
    assert plan.stdout.splitlines() == [
        "would go: 1 partition of 1 table with 1 row",
        (
            f"! 1 landing file with 1 row of these days stays below {settings.landing_dir}: a run of the days "
            "loads them again, and so does a newer file of them:"
        ),
        "    download_events/a.ndjson, which holds rows of other days, too",
        "  to prevent it, move them out of that folder and type the same command again",
        "nothing was changed",
    ]
    assert len(rows_of(settings.database_url)) == 1
    done = typed(settings, *words)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"✓ {LAST} is undone")
    assert rows_of(settings.database_url) == []
    wrong = typed(settings, "drop", str(datetime.now(UTC).date()), "--reason", "why")
    assert wrong.exit_code == 2
    assert "is not over yet in UTC, so there is nothing of it to drop" in wrong.stderr


def test_on_a_terminal_it_asks_before_final_days_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, FIRST + timedelta(days=7))])
    load(Database(settings), DOWNLOADS, FIRST, FIRST + timedelta(days=7))
    monkeypatch.setattr("analytics_etl.cli.dropping.is_terminal", lambda: True)
    assert typed(settings, "drop", str(FIRST), "--reason", "why").exit_code == 1
    assert len(rows_of(settings.database_url)) == 2
    assert typed(settings, "drop", str(FIRST), "--reason", "why", "--yes").exit_code == 0
    assert len(rows_of(settings.database_url)) == 1


@pytest.mark.parametrize("gone", [DAYS[1], DAYS[2]], ids=["one between", "the newest"])
def test_a_dropped_day_is_left_alone_as_long_as_only_its_old_files_are_there(settings: Settings, gone: date) -> None:
    for day in DAYS:
        write_day(settings, day)
    assert typed(settings, "backfill", str(FIRST), str(LAST), "--family", "registry").exit_code == 0
    done = typed(settings, "drop", str(gone), "--family", "registry", "--reason", "a try")
    assert done.exit_code == 0, done.output
    database = Database(settings)
    plan = make_plan(database, declared(), FIRST, LAST, ("registry",))
    assert (plan.reasons(), plan.jobs) == ([], []), "checks, views and reports follow by themselves"
    said = f"{gone} of registry was dropped (a try), and its files are still in landing"
    assert [str(each) for each in plan.dropped] == [said]
    assert gone not in late_days(database, declared(), LAST)
    left = typed(settings, "backfill", "--missing", "--family", "registry")
    assert f"! {said}: left alone; to load it again: analytics-etl run {gone}" in left.stdout
    assert "nothing else to do" in left.stdout
    wrong = {found.subject: found for found in doctor.examine(settings, declared(), LAST + timedelta(days=1))}
    assert (wrong["dropped days"].is_well, wrong["dropped days"].detail) == (False, said)
    assert (wrong["dropped days"].advice or "").splitlines() == [
        f"if it is to stay empty, move out of the landing folder: download_events/{gone}.ndjson",
        f'or: analytics-etl accept-gap {gone} {gone} --reason "why"',
        f"if its files are right: analytics-etl run {gone} --family registry",
    ]
    assert str(gone) not in wrong["late rows"].detail
    # A newer file makes it due again.
    write(settings, "download_events/newer.ndjson", [download(900, gone)])
    load(database, DOWNLOADS, DAYS[0])
    assert gone in late_days(database, declared(), LAST)
    plan = make_plan(database, declared(), FIRST, LAST, ("registry",))
    assert plan.dropped == []
    assert (DOWNLOADS, gone) in {(item.table, item.start) for item in plan.partitions}


def test_a_dropped_day_can_be_accepted_as_empty(settings: Settings) -> None:
    database = Database(settings)
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    load(database, DOWNLOADS, FIRST, LAST)
    drop(database, LAST, LAST)
    assert not doctor.days.dropped(database).is_well
    assert typed(settings, "accept-gap", str(LAST), str(LAST), "--reason", "why").exit_code == 0
    assert doctor.days.dropped(database).is_well
