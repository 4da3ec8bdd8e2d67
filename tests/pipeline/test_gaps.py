"""Days of which nobody has files, between days that were run: one finding, and never hundreds of days to run."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from commands import call, variables
from conftest import Server
from dagster._core.storage.tags import SCHEDULE_NAME_TAG
from events import DOWNLOADS, ask, declared, download, load, write

from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import notes
from analytics_etl.ops.records import record_audit
from analytics_etl.orchestration.assets.events import build_event_asset
from analytics_etl.orchestration.outcomes import Outcome
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.pipeline import gaps, retention
from analytics_etl.pipeline.planning import known_days, make_plan
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)
FAR = date(2026, 3, 31)  # the year was typed wrongly
GAP = "2025-04-01 to 2026-03-30 (364 days)"


@pytest.fixture(scope="module")
def two_days_and_another(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days with events, and a run of a day a year later, of which there is no file."""

    def make(database: Database) -> None:
        write(database.settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
        for table in declared().contracts:
            load(database, table, FIRST, LAST)
            load(database, table, FAR)

    with server.made_once(tmp_path_factory.mktemp("far"), make, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def far(server: Server, two_days_and_another: Settings, settings: Settings) -> Database:
    server.copy(two_days_and_another, settings)
    return Database(settings)


def known(database: Database) -> tuple[date, date]:
    found = known_days(database, FAR)
    assert found is not None
    return found


def days_to_run(database: Database) -> set[date]:
    return {
        item.start
        for item in make_plan(database, declared(), *known(database)).partitions
        if item.end == item.start + timedelta(days=1)
    }


def finding(database: Database) -> doctor.Finding:
    return doctor.gaps.days_without_data(database)


def test_the_days_between_are_not_due(far: Database) -> None:
    assert days_to_run(far) == {FIRST, LAST, FAR}
    plan = make_plan(far, declared(), *known(far))
    assert {item.start for item in plan.partitions} == {
        FIRST, LAST, FAR, date(2025, 3, 24), date(2025, 3, 31), date(2025, 3, 1), date(2026, 3, 30), date(2026, 3, 1),
    }  # fmt: skip
    states = ask(far.settings.database_url, "select distinct day from ops.days order by 1")
    assert [row["day"] for row in states] == [FIRST, LAST, FAR]


def test_they_are_one_finding_until_somebody_accepts_them(far: Database) -> None:
    environment = variables(far.settings)
    found = finding(far)
    assert not found.is_well
    assert found.detail == (
        f"nobody has files of {GAP}, so these days are not due; the days before are final, and retention counts from "
        f"{LAST}"
    )
    accept = 'analytics-etl accept-gap 2025-04-01 2026-03-30 --reason "why"'
    assert found.advice == (
        f"if there is no data: {accept}\n"
        "if there is: analytics-etl backfill 2025-04-01 2026-03-30\n"
        'if what comes after it was run by mistake: analytics-etl drop 2026-03-31 --reason "why"'
    )
    [note] = [note for note in notes(far, FIRST, FAR) if GAP in note]
    assert accept in note
    accepted = call("accept-gap 2025-04-01 2026-03-30 --reason closed", environment)
    assert accepted.exit_code == 0, accepted.output
    assert finding(far).is_well
    assert finding(far).detail == f"none of more than 30 days; no data in {GAP}, which somebody has accepted"
    assert days_to_run(far) == {FIRST, LAST, FAR}
    assert call("accept-gap 2025-04-01 2026-03-30 --undo --reason opened", environment).exit_code == 0
    assert not finding(far).is_well
    audit = ask(far.settings.database_url, "select action, subject, reason from ops.audit order by audit_id")
    assert [tuple(row.values()) for row in audit] == [
        ("accept gap", "2025-04-01 to 2026-03-30", "closed"), ("take back gap", "2025-04-01 to 2026-03-30", "opened"),
    ]  # fmt: skip


def test_a_part_is_accepted_and_a_file_that_comes_all_the_same_is_due(far: Database) -> None:
    environment = variables(far.settings)
    assert call("accept-gap 2025-04-01 2025-12-31 --reason closed", environment).exit_code == 0
    assert [str(gap) for gap in gaps.find(far) if not gap.is_accepted] == ["2026-01-01 to 2026-03-30 (89 days)"]
    write(far.settings, "download_events/late.ndjson", [download(9, date(2025, 6, 1))])
    load(far, DOWNLOADS, FAR)
    assert date(2025, 6, 1) in days_to_run(far)
    refused = call("accept-gap 2025-05-01 2025-07-01 --reason closed", environment)
    assert refused.exit_code == 1
    assert "there are partitions or files of 2025-06-01" in refused.stderr


def test_a_few_days_between_are_due_until_they_are_accepted(settings: Settings) -> None:
    database = Database(settings)
    between = date(2025, 4, 2)
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    for day in (FIRST, between + timedelta(days=1)):
        load(database, DOWNLOADS, day)
    assert finding(database).is_well
    days = {FIRST, LAST, date(2025, 4, 1), between, between + timedelta(days=1)}
    assert days_to_run_until(database, between + timedelta(days=1)) == days
    assert call("accept-gap 2025-04-01 2025-04-02 --reason closed", variables(settings)).exit_code == 0
    assert days_to_run_until(database, between + timedelta(days=1)) == days - {date(2025, 4, 1), between}


def days_to_run_until(database: Database, last: date) -> set[date]:
    plan = make_plan(database, declared(), FIRST, last)
    return {item.start for item in plan.partitions if item.end == item.start + timedelta(days=1)}


def test_a_schedule_that_runs_such_a_day_says_so(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    database = Database(settings)
    write(settings, "download_events/a.ndjson", [download(1, FIRST)])
    load(database, DOWNLOADS, FIRST)
    asset = build_event_asset(declared().contracts[DOWNLOADS], {}, Partitions.since(settings.start_date))

    def said(day: date) -> str:
        result = dg.materialize(
            [asset], partition_key=str(day), resources={"database": database}, tags={SCHEDULE_NAME_TAG: "daily"}
        )
        assert result.success
        return capfd.readouterr().err

    assert "after the newest day" not in said(FIRST + timedelta(days=31))
    assert f"{FAR} is 335 days after the newest day, 2025-04-30; the days between are not due" in said(FAR)


def test_retention_does_not_count_what_lies_behind_a_gap(settings: Settings) -> None:
    kept = Database(Settings(**{**vars(settings), "hot_days": PerTable(90), "personal_retention": PerTable(30)}))
    write(settings, "download_events/a.ndjson", [download(1, FIRST), download(2, LAST)])
    load(kept, DOWNLOADS, FIRST, LAST)
    load(kept, DOWNLOADS, FAR)
    assert list(retention.plan(kept, declared())) == []
    kept.run(record_audit, "test", gaps.ACCEPT, "2025-04-01 to 2026-03-30", "closed")
    assert {step.day for step in retention.plan(kept, declared()) if step.what == "archive"} == {FIRST, LAST}


@pytest.mark.parametrize("command", [f"run {FAR}", f"backfill {FAR} {FAR}"])
def test_a_run_far_from_what_is_there_asks(settings: Settings, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    def note(*of: Any, **options: Any) -> Outcome:
        ran.append((of, options))
        return Outcome()

    monkeypatch.setattr("analytics_etl.cli.days.run_days", note)
    environment = variables(settings)
    assert call(command, environment).exit_code == 0, "nothing is there yet"
    assert len(ran) == 1
    load(Database(settings), DOWNLOADS, LAST)
    refused = call(command, environment)
    assert refused.exit_code == 2
    far = f"{FAR} is 365 days after the newest day there is, {LAST}"
    assert far in refused.stderr
    assert "if it is meant, add --yes" in refused.stderr
    monkeypatch.setattr("analytics_etl.cli.gaps.is_terminal", lambda: True)
    asked = call(command, environment)
    assert (asked.exit_code, far in asked.stdout) == (1, True)
    assert len(ran) == 1
    allowed = call(f"{command} --yes", environment)
    assert (allowed.exit_code, far in allowed.stderr) == (0, True)
    assert len(ran) == 2
    near = LAST + timedelta(days=31)
    assert call(command.replace(str(FAR), str(near)), environment).exit_code == 0
    assert len(ran) == 3


@pytest.mark.parametrize("command", ["run 2024-09-30", "backfill 2024-09-01 2024-09-30"])
def test_a_run_long_before_what_is_there_asks_too(
    settings: Settings, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []

    def note(*of: Any, **_: Any) -> Outcome:
        ran.append(of)
        return Outcome()

    monkeypatch.setattr("analytics_etl.cli.days.run_days", note)
    environment = {**variables(settings), "ANALYTICS_START_DATE": "2024-01-01"}
    load(Database(settings), DOWNLOADS, LAST)
    refused = call(command, environment)
    assert refused.exit_code == 2
    far = f"2024-09-30 is 182 days before the first day there is, {LAST}"
    assert f"{far}: the days between become a gap" in refused.stderr
    monkeypatch.setattr("analytics_etl.cli.gaps.is_terminal", lambda: True)
    asked = call(command, environment)
    assert (asked.exit_code, far in asked.stdout, ran) == (1, True, [])
    allowed = call(f"{command} --yes", environment)
    assert (allowed.exit_code, far in allowed.stderr, len(ran)) == (0, True, 1)
    until = f"backfill 2024-09-01 {LAST - timedelta(days=31)}"
    assert call(until, environment).exit_code == 0, "what reaches to the first day is history"
    assert len(ran) == 2


def test_days_without_an_event_are_told_after_a_run(settings: Settings) -> None:
    write(settings, "download_events/a.ndjson", [download(1, LAST)])
    environment = variables(settings)
    assert (
        f"! no landing file holds a valid event of {FIRST}; if that was not meant: analytics-etl drop {FIRST} "
        '--reason "why"\n'
    ) in done(f"run {FIRST} --family registry", environment)
    several = done(f"backfill 2025-03-28 2025-04-01 --select {DOWNLOADS}+", environment)
    assert "! no landing file holds a valid event of 2025-03-28 to 2025-03-30, 2025-04-01\n" in several


def done(command: str, environment: dict[str, str]) -> str:
    result = call(command, environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_reopen_says_when_nothing_waits_and_knows_families(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    def note(*_: Any, **options: Any) -> Outcome:
        ran.append(options["families"])
        return Outcome()

    monkeypatch.setattr("analytics_etl.cli.days.run_days", note)
    environment = variables(replace(settings, families=("registry", "usage")))
    load(Database(settings), DOWNLOADS, LAST)
    reopen = f"reopen {LAST} --reason why"
    nothing = call(reopen, environment)
    assert (nothing.exit_code, ran) == (0, [])
    assert nothing.stdout == (
        f"✓ nothing to do: no late, new or replaced file waits for {LAST}; to run it all the same: analytics-etl run "
        f"{LAST}\n"
    )
    write(settings, "download_events/late.ndjson", [download(1, LAST)])  # nobody has looked at it yet
    assert "no late, new or replaced file of usage waits" in call(f"{reopen} --family usage", environment).stdout
    assert call(f"{reopen} --family registry", environment).exit_code == 0
    assert call(reopen, environment).exit_code == 0
    assert ran == [("registry",), ()]
