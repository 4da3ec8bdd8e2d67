"""ops.days: the state of each day follows from what happened to it, in the transaction that did it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from events import DOWNLOADS, aggregate, ask, declared, download, execute, load, write

from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring.doctor import days as doctor_days
from analytics_etl.monitoring.status import notes, refresh_states
from analytics_etl.ops.days import frozen_days
from analytics_etl.ops.records import CheckResult
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.partition_states import expect_day
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

FAMILIES_IN_USE = ("registry",)

FIRST = date(2025, 3, 3)
ACTIVITY = "registry.module_activity_daily"


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def states(database: Database, table: str = DOWNLOADS) -> dict[int, str]:
    """{days after FIRST: state}"""
    found = ask(database.settings.database_url, "select day, state from ops.days where table_name = %s", [table])
    return {(row["day"] - FIRST).days: row["state"] for row in found}


def row(database: Database, number: int, table: str = DOWNLOADS) -> dict[str, object]:
    [found] = ask(
        database.settings.database_url,
        "select state, is_final, final_from, rows, rows_waiting, failed_checks, warned_checks, failure from ops.days "
        "where table_name = %s and day = %s",
        [table, day(number)],
    )
    return found


def result(number: int, name: str, *, passed: bool, severity: str = "error") -> CheckResult:
    return CheckResult(DOWNLOADS, name, day(number), day(number + 1), passed, severity, "d", 0 if passed else 1, [])


def test_days_become_final_when_the_window_has_passed_and_gaps_are_expected(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(n, day(n)) for n in (0, 1, 3, 7, 8)])
    load(database, DOWNLOADS, day(0), day(1), day(3))
    assert states(database) == {
        0: "provisional", 1: "provisional", 2: "expected", 3: "provisional", 7: "expected", 8: "expected",
    }  # fmt: skip
    load(database, DOWNLOADS, day(7))
    assert states(database) == {
        0: "final", 1: "provisional", 2: "expected", 3: "provisional", 4: "expected", 5: "expected", 6: "expected",
        7: "provisional", 8: "expected",
    }  # fmt: skip
    assert row(database, 0) == {
        "state": "final", "is_final": True, "final_from": day(7), "rows": 1, "rows_waiting": 0, "failed_checks": [],
        "warned_checks": [], "failure": None,
    }  # fmt: skip
    assert row(database, 8)["rows_waiting"] == 1


def test_each_table_may_have_a_window_of_its_own(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(n, day(n)) for n in range(4)])
    several = Database(replace(settings, lateness=PerTable(1, (("download_events", 3), ("overview_daily", 2)))))
    for table in declared().contracts:
        load(several, table, *map(day, range(4)))
    aggregate(several, day(0), day(3), ["day"])
    final = {
        table: [number for number, state in states(several, table).items() if state == "final"]
        for table in (DOWNLOADS, "registry.module_view_events", ACTIVITY, "registry.overview_daily")
    }
    # What is made of several tables waits for the longest window of its family.
    assert {table: sorted(days) for table, days in final.items()} == {
        DOWNLOADS: [0], "registry.module_view_events": [0, 1, 2], ACTIVITY: [0], "registry.overview_daily": [0, 1],
    }  # fmt: skip
    refresh_states(Database(replace(settings, lateness=PerTable(0))), declared())
    assert set(states(several).values()) == {"final"}


def test_late_rows_of_a_final_day_freeze_it_until_it_is_loaded(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(0, day(0)), download(1, day(7))])
    load(database, DOWNLOADS, day(0), day(7))
    write(database.settings, "download_events/late.ndjson", [download(2, day(0)), download(3, day(0))])
    load(database, DOWNLOADS, day(7))
    assert (row(database, 0)["state"], row(database, 0)["rows_waiting"]) == ("frozen_late", 2)
    assert database.run(frozen_days) == {(DOWNLOADS, day(0))}
    [note] = notes(database, day(0), day(1))
    assert note == (
        "registry.download_events 2025-03-03 is final and has 2 late rows waiting; to load them: analytics-etl reopen "
        '2025-03-03 --reason "why"'
    )
    assert notes(database, day(5), day(8)) == [
        "2025-03-03, not shown here, is final and late or replaced files wait: analytics-etl doctor says what to type"
    ]
    assert notes(database, day(5), day(8), ["usage"]) == []
    load(database, DOWNLOADS, day(0))
    assert (row(database, 0)["state"], row(database, 0)["rows"]) == ("final", 3)
    assert notes(database, day(0), day(1)) == []


def test_a_failed_check_fails_the_day_until_it_passes_and_a_warning_does_not(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(0, day(0))])
    load(database, DOWNLOADS, day(0))
    wrong = [result(0, "b", passed=False), result(0, "a", passed=False), result(0, "c", passed=True)]
    record_checks(database, [*wrong, result(0, "volume_is_usual", passed=False, severity="warn")])
    found = row(database, 0)
    assert (found["state"], found["failed_checks"], found["warned_checks"]) == (
        "failed",
        ["a", "b"],
        ["volume_is_usual"],
    )
    record_checks(database, [result(0, name, passed=True) for name in ("a", "b")])
    found = row(database, 0)
    assert (found["state"], found["failed_checks"], found["warned_checks"]) == ("provisional", [], ["volume_is_usual"])


def test_why_a_day_could_not_be_written_is_kept_until_it_is(settings: Settings, database: Database) -> None:
    secret = "s3cret-word"
    hiding = Database(replace(settings, notify_webhook=f"http://localhost/{secret}"))
    write(settings, "download_events/a.ndjson", [download(0, day(0))])
    load(database, DOWNLOADS, day(0))
    contract = declared().contracts[DOWNLOADS]
    with pytest.raises(OSError, match="disk"), publishing.loading(hiding, contract, [day(0), day(1)]):
        raise OSError(f"the disk of {secret} is full\nDETAIL: a row")
    for number in (0, 1):
        found = row(database, number)
        assert (found["state"], found["failure"]) == ("failed", "OSError: the disk of *** is full")
    assert row(database, 0)["rows"] == 1
    load(database, DOWNLOADS, day(0))
    assert (row(database, 0)["state"], row(database, 0)["failure"]) == ("provisional", None)
    assert row(database, 1)["state"] == "failed"


def test_a_day_known_only_by_rows_that_are_gone_is_forgotten(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(0, day(0)), download(1, day(30))])
    load(database, DOWNLOADS, day(0))
    assert states(database) == {0: "provisional", 30: "expected"}
    write(database.settings, "download_events/a.ndjson", [download(0, day(0))])
    load(database, DOWNLOADS, day(0))
    assert states(database) == {0: "provisional"}


def test_a_loaded_day_is_due_in_what_is_made_of_it_and_a_day_can_be_due_anywhere(database: Database) -> None:
    write(database.settings, "download_events/a.ndjson", [download(n, day(n)) for n in range(2)])
    load(database, DOWNLOADS, day(0))
    aggregate(database, day(0), day(0), ["day"])
    load(database, DOWNLOADS, day(1))
    assert states(database, ACTIVITY) == {0: "provisional", 1: "expected"}
    for _ in range(2):
        expect_day(database, declared().kept_by_day, day(2))
    assert states(database, ACTIVITY) == {0: "provisional", 1: "expected", 2: "expected"}
    assert states(database, "registry.compilation_events") == {2: "expected"}


def test_an_archived_day_is_archived_and_back_when_restored(settings: Settings, database: Database) -> None:
    write(settings, "download_events/a.ndjson", [download(0, day(0)), download(1, day(9))])
    load(database, DOWNLOADS, day(0), day(9))
    contract = declared().contracts[DOWNLOADS]
    assert states(database)[0] == "final"
    Archiver(database.settings).drop(contract, day(0), "somebody")
    assert states(database)[0] == "archived"
    Archiver(database.settings).restore(contract, day(0), "somebody", "why")
    assert states(database)[0] == "final"


def test_loads_of_different_days_at_once_leave_the_right_states(database: Database) -> None:
    """Each alone sees neither the newest day nor what others loaded of the file; the second time they drop, too."""
    write(database.settings, "download_events/a.ndjson", [download(n, day(n)) for n in range(16)])
    with ThreadPoolExecutor() as pool:
        for _ in range(2):
            list(pool.map(lambda number: load(database, DOWNLOADS, day(number)), (0, 15, 8, 7)))
    found = states(database)
    assert {n: found[n] for n in (0, 7, 8, 15)} == {0: "final", 7: "final", 8: "final", 15: "provisional"}
    before = ask(database.settings.database_url, "select * from ops.days order by 1, 2")
    refresh_states(database, declared())
    assert ask(database.settings.database_url, "select * from ops.days order by 1, 2") == before


def test_the_volume_is_judged_by_the_factor_of_the_table(settings: Settings) -> None:
    from analytics_etl import checks  # noqa: PLC0415 - only for this

    write(settings, "download_events/a.ndjson", [
        download(100 * week + n, day(7 * week)) for week in range(4) for n in range(13 if week == 3 else 10)
    ])  # fmt: skip
    database = Database(settings)
    load(database, DOWNLOADS, *(day(7 * week) for week in range(4)))
    target = checks.targets(declared())[DOWNLOADS]
    usual = [c for c in checks.declared_checks(declared())[DOWNLOADS] if c.name == "volume_is_usual"]

    def passes(factor: PerTable[float | None]) -> bool:
        changed = Database(replace(settings, volume_factor=factor))
        [found] = evaluate(changed, target, usual, {day(21): day(22)})
        return found.passed

    assert passes(PerTable(2.0))
    assert not passes(PerTable(2.0, (("download_events", 1.2),)))
    assert passes(PerTable(None))
    execute(settings.database_url, "update ops.partitions set rows = 0 where period_start = '2025-03-24'")
    assert not passes(PerTable(None)), "a day without rows is told whatever the factor"


def test_a_day_with_more_events_than_it_may_have_is_told_and_keeps_them(settings: Settings) -> None:
    from analytics_etl import checks  # noqa: PLC0415 - only for this

    write(settings, "download_events/a.ndjson", [download(n, day(0)) for n in range(6)])
    limit = Settings.from_environment({"ANALYTICS_MOST_EVENTS_A_DAY": "never,download_events=5"}).most_events
    assert (limit.of(DOWNLOADS), limit.of("registry.module_view_events")) == (5, None)
    database = Database(replace(settings, most_events=limit))
    [loaded], _ = load(database, DOWNLOADS, day(0))
    assert loaded.rows == 6
    target = checks.targets(declared())[DOWNLOADS]
    judged = [c for c in checks.declared_checks(declared())[DOWNLOADS] if c.name == "events_are_not_too_many"]
    for allowed, passed in ((None, True), (6, True), (5, False)):
        changed = Database(replace(settings, most_events=PerTable(allowed)))
        results = evaluate(changed, target, judged, {day(0): day(1)})
        assert [(r.passed, r.severity) for r in results] == [(passed, "warn")]
    record_checks(database, results)
    [note] = [text for text in notes(database, day(0), day(1)) if "too many" in text or "more than" in text]
    assert note == f"{DOWNLOADS} {day(0)} has 6 rows, more than ANALYTICS_MOST_EVENTS_A_DAY; all are kept"
    finding = doctor_days.volume(database)
    assert not finding.is_well
    assert f"{DOWNLOADS} {day(0)} has 6 rows, more than ANALYTICS_MOST_EVENTS_A_DAY" in finding.detail
