"""Raw events that are not kept: a day leaves its table once all was made of it, and nothing is lost silently."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from commands import call, variables
from events import (
    DOWNLOADS,
    aggregate,
    all_tables,
    ask,
    at,
    declared,
    download,
    event_id,
    execute,
    load,
    rows_in_lake,
    write,
)

from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings, SettingsError
from analytics_etl.monitoring.status import matrices
from analytics_etl.ops.records import CheckResult
from analytics_etl.pipeline import publishing, retention, verification
from analytics_etl.pipeline.forgetting import forget_file
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry", "schedules")

FIRST = date(2025, 3, 3)
EVENTS = "schedules.schedule_events"
ACTIVITY = "registry.module_activity_daily"


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def checked(database: Database, table: str, number: int, *, passed: bool = True) -> CheckResult:
    del database
    return CheckResult(table, "a_check", day(number), day(number + 1), passed, "error", "d", 0 if passed else 1, [])


def run(database: Database, family: str, *numbers: int) -> None:
    """What a run of some days does: load, aggregate, check."""
    [table] = [DOWNLOADS if family == "registry" else EVENTS]
    load(database, table, *(day(n) for n in numbers))
    aggregate(database, day(min(numbers)), day(max(numbers)), families=[family])
    tables = [table, *(t for t, m in declared().aggregates.items() if m.family == family and m.cadence == "day")]
    record_checks(database, [checked(database, t, n) for t in tables for n in numbers])


@pytest.fixture
def downloads(settings: Settings) -> Database:
    """Five days of downloads, final after one more day; raw rows of no table are kept."""
    database = Database(replace(settings, lateness=PerTable(1), keep_raw_events=PerTable(default=False)))
    for n in range(5):
        write(settings, f"download_events/{day(n)}.ndjson", [download(10 * n + m, day(n)) for m in range(3)])
    run(database, "registry", *range(5))
    return database


def steps(database: Database) -> list[str]:
    return [str(step) for step in retention.plan(database, declared())]


def retain(database: Database) -> retention.Outcome:
    return retention.run(database, declared(), "test", lambda *_: None)


def held(database: Database, table: str = DOWNLOADS) -> dict[int, int]:
    """{days after FIRST: raw rows}"""
    time = declared().contracts[table].time_column
    found = ask(
        database.settings.database_url,
        f"select ({time} at time zone 'UTC')::date as day, count(*) as n from {table} group by 1 order by 1",
    )
    return {(row["day"] - FIRST).days: row["n"] for row in found}


def states(database: Database) -> str:
    """The states of the five days by their first letters."""
    [matrix] = [m for m in matrices(database, declared(), day(0), day(4)) if m.cadence == "day"]
    return "".join(cell.state[0] for cell in matrix.cells[DOWNLOADS])


def test_days_of_which_all_was_made_are_dropped_without_an_archive(downloads: Database) -> None:
    """The newest day may change, and reads the day before it: these two and the one between stay."""
    before = {t: rows for t, rows in all_tables(downloads.settings).items() if t != DOWNLOADS}
    assert steps(downloads) == [f"drop raw events: {DOWNLOADS} {day(n)}" for n in range(3)]
    outcome = retain(downloads)
    assert (outcome.dropped_days, outcome.days) == (3, 0)
    assert held(downloads) == {3: 3, 4: 3}
    assert {t: rows for t, rows in all_tables(downloads.settings).items() if t != DOWNLOADS} == before
    assert states(downloads) == "dddfp"
    assert ask(downloads.settings.database_url, "select * from ops.archives") == []
    audit = ask(downloads.settings.database_url, "select action, subject, reason from ops.audit order by 2")
    assert [tuple(row.values()) for row in audit] == [
        (
            "drop raw events",
            f"{DOWNLOADS} {day(n)}",
            "3 rows: all was made of them, and ANALYTICS_KEEP_RAW_EVENTS says no",
        )
        for n in range(3)
    ]
    assert retain(downloads).dropped_days == 0
    run(downloads, "registry", 4)  # reads no day that was dropped
    aged = Database(replace(downloads.settings, hot_days=PerTable(1), personal_retention=PerTable(1)))
    retain(aged)
    assert ask(downloads.settings.database_url, "select * from ops.archives") == []


def test_days_leave_the_lake_once_they_are_older_than_the_setting_says(downloads: Database) -> None:
    """Archived ones, too; and no day that something was not made of yet, or that a later day may still read."""
    settings = replace(downloads.settings, keep_raw_events=PerTable(default=True), hot_days=PerTable(1))
    assert steps(Database(replace(settings, lake_days=PerTable(5), hot_days=PerTable(None)))) == []
    retain(Database(settings))
    assert states(downloads) == "aaaap"
    expiring = Database(replace(settings, lake_days=PerTable(3)))
    assert steps(expiring) == [f"drop raw events: {DOWNLOADS} {day(n)}" for n in range(2)]
    assert retain(expiring).dropped_days == 2
    assert states(downloads) == "ddaap"
    assert len(rows_in_lake(settings, DOWNLOADS)) == 3 * 3
    archived = ask(settings.database_url, "select day, state from ops.archives order by day")
    assert archived == [{"day": day(n), "state": "archived"} for n in (2, 3)]
    reasons = ask(settings.database_url, "select distinct reason from ops.audit where action = 'drop raw events'")
    assert reasons == [{"reason": "3 rows: all was made of them, and ANALYTICS_LAKE_DAYS says 3"}]
    assert retain(expiring).dropped_days == 0


def failed_check(database: Database) -> None:
    record_checks(database, [checked(database, ACTIVITY, 1, passed=False)])


def failed_check_of_its_own(database: Database) -> None:
    record_checks(database, [checked(database, DOWNLOADS, 1, passed=False)])


def no_aggregate(database: Database) -> None:
    execute(
        database.settings.database_url,
        f"delete from ops.partitions where table_name = '{ACTIVITY}' and period_start = '{day(1)}'",
    )


def no_check(database: Database) -> None:
    execute(
        database.settings.database_url,
        f"delete from ops.check_results where table_name = '{ACTIVITY}' and period_start = '{day(1)}'",
    )


def other_code(database: Database) -> None:
    execute(
        database.settings.database_url,
        f"update ops.partitions set code_version = 'old' where table_name = '{ACTIVITY}' and period_start = '{day(1)}'",
    )


def loaded_since(database: Database) -> None:
    load(database, DOWNLOADS, day(1))


def late_file(database: Database) -> None:
    write(database.settings, "download_events/late.ndjson", [download(99, day(1))])
    load(database, DOWNLOADS, day(4))


@pytest.mark.parametrize(
    "prevent",
    [failed_check, failed_check_of_its_own, no_aggregate, no_check, other_code, loaded_since, late_file],
)
def test_a_day_that_is_not_done_with_stays(downloads: Database, prevent: Callable[[Database], None]) -> None:
    prevent(downloads)
    retain(downloads)
    assert held(downloads) == {1: 3, 3: 3, 4: 3}


def test_a_drop_that_is_interrupted_drops_nothing(downloads: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("analytics_etl.ops.dropped.record_audit", die)
        with pytest.raises(KeyboardInterrupt):
            retain(downloads)
    assert held(downloads) == dict.fromkeys(range(5), 3)
    assert states(downloads) == "ffffp"
    assert retain(downloads).dropped_days == 3


def test_nothing_is_computed_from_rows_that_are_not_there(downloads: Database) -> None:
    retain(downloads)
    before = all_tables(downloads.settings)
    with pytest.raises(DatabaseError, match=f"restore {DOWNLOADS} {day(1)} --reason") as refusal:
        publishing.replace(downloads, declared().aggregates[ACTIVITY], {day(1): day(2)})
    assert "were not kept" in str(refusal.value)
    of_table, found_by = targets(declared()), declared_checks(declared())
    for table, number in ((DOWNLOADS, 2), (ACTIVITY, 2), (DOWNLOADS, 3)):  # a check of day 3 reads the day before
        with pytest.raises(DatabaseError, match="were not kept"):
            evaluate(downloads, of_table[table], found_by[table], {day(number): day(number + 1)})
    assert all_tables(downloads.settings) == before
    found = verification.watch(downloads, declared(), cells=1_000)
    assert {f.start for f in found if f.table == ACTIVITY} <= {day(3), day(4)}
    assert [f.differences for f in found if f.differences] == []


def test_a_dropped_day_is_run_again_from_its_files_and_dropped_again(downloads: Database) -> None:
    retain(downloads)
    before = all_tables(downloads.settings)
    run(downloads, "registry", 1)
    assert held(downloads) == {1: 3, 3: 3, 4: 3}
    assert states(downloads) == "dfdfp"
    retain(downloads)
    assert states(downloads) == "dddfp"
    assert all_tables(downloads.settings) == before


def test_a_dropped_day_whose_file_is_gone_is_refused(downloads: Database) -> None:
    retain(downloads)
    before = all_tables(downloads.settings)
    (downloads.settings.landing_dir / f"download_events/{day(1)}.ndjson").unlink()
    with pytest.raises(DatabaseError, match="put the file back first"):
        load(downloads, DOWNLOADS, day(1))
    with pytest.raises(DatabaseError, match="or were not kept"):
        forget_file(downloads, f"download_events/{day(1)}.ndjson", "test", "why")
    assert all_tables(downloads.settings) == before


def test_restore_brings_back_the_rows_alone(downloads: Database) -> None:
    retain(downloads)
    environment = {**variables(downloads.settings), "ANALYTICS_LATENESS_DAYS": "1", "ANALYTICS_KEEP_RAW_EVENTS": "no"}
    assert "▫" in call(f"status --from {day(0)}", environment).stdout
    back = call(f"restore {DOWNLOADS} {day(0)} --reason look", environment)
    assert back.exit_code == 0, back.output
    assert f"{DOWNLOADS} {day(0)} is back from its landing files: 3 rows" in " ".join(back.stdout.split())
    assert held(downloads) == {0: 3, 3: 3, 4: 3}
    again = call(f"restore {DOWNLOADS} {day(0)} --reason look", environment)
    assert again.exit_code == 1
    assert "nothing to restore" in again.output


def test_a_table_that_looks_around_itself_keeps_the_days_it_may_still_read(settings: Settings) -> None:
    """The flow of executions reads 2 days before and after its own, and a day brings those 2 before it up to date."""
    database = Database(replace(settings, lateness=PerTable(1), keep_raw_events=PerTable(default=False)))
    for n in range(8):
        events = [
            {
                "event_id": event_id(n), "recorded_at": at(n, day(n)), "schedule_id": "s", "execution_id": f"e{n}",
                "schedule_type": "mongo", "event_type": "x", "level": "INFO", "result": "success", "retry_count": 0,
            }
        ]  # fmt: skip
        write(settings, f"schedule_events/{day(n)}.ndjson", events)
    run(database, "schedules", *range(8))
    assert steps(database) == [f"drop raw events: {EVENTS} {day(n)}" for n in range(3)]
    retain(database)
    before = all_tables(settings)
    run(database, "schedules", 7)
    assert all_tables(settings) == before
    flow = declared().aggregates["schedules.schedule_flow_daily"]
    with pytest.raises(DatabaseError, match=f"{EVENTS}: the raw events of {day(2)} are needed"):
        publishing.replace(database, flow, {day(6): day(7)})
    load(database, EVENTS, day(2))
    publishing.replace(database, flow, {day(6): day(7)})
    assert {t: r for t, r in all_tables(settings).items() if t != EVENTS} == {
        t: r for t, r in before.items() if t != EVENTS
    }


def test_the_setting() -> None:
    def read(value: str) -> PerTable[bool]:
        return Settings.from_environment({"ANALYTICS_KEEP_RAW_EVENTS": value}).keep_raw_events

    assert read("").of(DOWNLOADS)
    assert not read("no").of(DOWNLOADS)
    assert [read("yes,download_events=no").of(t) for t in (DOWNLOADS, EVENTS)] == [False, True]
    for wrong in ("maybe", "0", "download_events=never"):
        with pytest.raises(SettingsError, match="ANALYTICS_KEEP_RAW_EVENTS must be yes, no"):
            read(wrong)
    with pytest.raises(SettingsError, match="names 'downloads'"):
        retention.check_names(Settings.from_environment({"ANALYTICS_KEEP_RAW_EVENTS": "downloads=no"}), declared())


def test_somebody_drops_days_that_the_settings_keep(downloads: Database) -> None:
    """Only those before the day he says, and of these only those that a run would drop if raw rows were not kept."""
    database = Database(replace(downloads.settings, keep_raw_events=PerTable(default=True)))
    contract = declared().contracts[DOWNLOADS]
    assert steps(database) == []
    assert retention.days_before(database, declared(), contract, day(9)) == [day(n) for n in range(3)]
    found = retention.days_before(database, declared(), contract, day(2))
    assert found == [day(0), day(1)]
    assert retention.drop_days(database, contract, found, "anna") == 6
    assert (held(database), states(database)) == ({2: 3, 3: 3, 4: 3}, "ddffp")
    assert retention.days_before(database, declared(), contract, day(2)) == []
    audit = ask(database.settings.database_url, "select actor, reason from ops.audit where action = 'drop raw events'")
    assert audit == [{"actor": "anna", "reason": "3 rows: all was made of them, and somebody asked for it"}] * 2
