"""What is due beside partitions: checks, reports, the index and views, each for its own reason, none without one."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import Server
from due import settle
from events import DAY, DOWNLOADS, aggregate, download, execute, load, load_and_aggregate, write

from analytics_etl import checks
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks
from analytics_etl.checks.due import due_checks
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import matrices
from analytics_etl.ops.records import CheckResult
from analytics_etl.orchestration.checks import _refreshed
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.due_reports import report_version
from analytics_etl.pipeline.plan import Plan
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry", "usage")
CATALOG = Catalog(in_use=FAMILIES_IN_USE)

NEXT = DAY + timedelta(days=1)
OVERVIEW = "registry.overview_daily"


@pytest.fixture(scope="module")
def two_days(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days of the registry with which everything is done."""

    def make(database: Database) -> None:
        write(database.settings, "download_events/a.ndjson", [download(1), download(2, NEXT)])
        load_and_aggregate(database, DAY, NEXT)
        settle(database, DAY, NEXT)

    with server.made_once(tmp_path_factory.mktemp("two_days"), make, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def done(server: Server, two_days: Settings, settings: Settings) -> Database:
    server.copy(two_days, settings)
    return Database(settings)


def plan(database: Database) -> Plan:
    return make_plan(database, CATALOG, DAY, NEXT)


def reasons(database: Database) -> list[str]:
    return plan(database).reasons()


def test_checks_are_due_that_never_ran_ran_on_other_rows_or_were_others(done: Database) -> None:
    url = done.settings.database_url
    assert reasons(done) == []
    where = f"where table_name = '{OVERVIEW}' and period_start = '{DAY}'"
    execute(url, f"delete from ops.check_results {where} and check_name = 'key_is_unique'")
    found = plan(done)
    assert found.partitions == []
    assert [(item.table, item.start, item.why) for item in found.checks] == [(OVERVIEW, DAY, "not checked")]
    assert {(item.table, item.start) for item in found.reports} == {
        ("registry.daily_report", DAY), ("registry.weekly_report", DAY), ("registry.monthly_report", DAY.replace(day=1))
    }  # fmt: skip
    assert [str(job) for job in found.jobs] == [
        f"daily {DAY}: checks of {OVERVIEW}; registry.daily_report",
        f"weekly {DAY}: registry.weekly_report",
        f"monthly {DAY.replace(day=1)}: registry.monthly_report",
        "views: reports.index",
    ]
    assert found.jobs[0].only is not None
    assert found.jobs[0].only.checks == ((OVERVIEW, "key_is_unique"),)
    days = next(matrix for matrix in matrices(done, CATALOG, DAY, NEXT) if matrix.cadence == "day")
    assert [cell.label for cell in days.cells[OVERVIEW]] == ["provisional, unchecked", "provisional"]
    findings = {finding.subject: finding for finding in doctor.days.missing(done, CATALOG, NEXT)}
    assert findings["days"].is_well
    assert findings["checks run"].detail == f"1 partition or view with checks to run: {OVERVIEW}: {DAY} not checked"
    assert findings["checks run"].advice == "analytics-etl backfill --missing"
    settle(done, DAY, NEXT)
    execute(url, f"update ops.partitions set changed_at = clock_timestamp() {where}")
    assert f"{OVERVIEW}: {DAY} changed since it was checked" in reasons(done)
    settle(done, DAY, NEXT)
    execute(url, f"update ops.check_results set code_version = 'another' {where}")
    assert f"{OVERVIEW}: {DAY} checked by an earlier version of the check" in reasons(done)
    execute(url, f"update ops.check_results set code_version = null {where}")
    assert reasons(done) == [], "what is unknown counts as current"


def test_rows_that_stay_the_same_stay_checked(done: Database) -> None:
    """Everything is made anew and comes out as it was, also the partitions that read the days before theirs."""
    load_and_aggregate(done, DAY, DAY)
    assert due_checks(done, declared_checks(CATALOG)) == []
    late = [download(3)]
    write(done.settings, "download_events/late.ndjson", late)
    load(done, DOWNLOADS, DAY)
    aggregate(done, DAY, DAY, ("day",), ["registry"])
    found = {(due.table, due.start) for due in due_checks(done, declared_checks(CATALOG))}
    assert {(DOWNLOADS, DAY), (OVERVIEW, DAY), (OVERVIEW, NEXT)} <= found, "the overview counts 30 days"
    assert (DOWNLOADS, NEXT) not in found
    assert ("usage.service_usage_daily", DAY) not in found


def test_a_run_checks_the_partitions_that_it_brought_up_to_date(done: Database) -> None:
    """The overview counts 30 days, so that late rows of a day change the day after, too."""
    write(done.settings, "download_events/late.ndjson", [download(3)])
    load(done, DOWNLOADS, DAY)
    aggregate(done, DAY, DAY, ("day",), ["registry"])
    own, target = declared_checks(CATALOG)[OVERVIEW], checks.targets(CATALOG)[OVERVIEW]
    execute(done.settings.database_url, f"update ops.partitions set run_id = 'r' where table_name = '{OVERVIEW}'")
    assert set(_refreshed(done, target, own, "r")) == {DAY, NEXT}
    assert _refreshed(done, target, own, "another") == {}


def test_a_check_is_another_when_it_demands_something_else() -> None:
    check = next(check for check in declared_checks(CATALOG)[OVERVIEW] if check.name == "key_is_unique")
    assert replace(check, description="in other words").code_version == check.code_version
    others = [replace(check, severity="warn"), replace(check, arguments={"max_value": 1}), replace(check, select="x")]
    assert len({other.code_version for other in [check, *others]}) == 4
    query = next(c for c in declared_checks(CATALOG)[DOWNLOADS] if c.name == "loaded_equals_read")
    assert query.query is not None
    commented = replace(query.query, select=f"-- as before\n{query.query.select}")
    assert replace(query, query=commented).code_version == query.code_version


def test_reports_are_due_that_are_not_on_disk_or_no_longer_true(done: Database) -> None:
    url, folder = done.settings.database_url, done.settings.reports_dir
    for file in folder.glob(f"registry/daily/{DAY}.html"):
        file.unlink()
    assert reasons(done) == [f"registry.daily_report: {DAY} not written"]
    write_report(done, CATALOG, "registry", "day", DAY)
    assert report_version(CATALOG, "usage") != report_version(CATALOG, "registry")
    where = f"where family = 'registry' and cadence = 'daily' and period_start = '{DAY}'"
    for change, why in {
        "code_version = 'another'": "made by an earlier version of its SQL, templates or code",
        "written_at = '2025-03-12'": "older than its tables",
        f"final_from = '{NEXT}'": "final since",
        "has_next = false": "without a link to the next",
    }.items():
        execute(url, f"update ops.written_reports set {change} {where}")
        assert f"registry.daily_report: {DAY} {why}" in reasons(done)
        settle(done, DAY, NEXT)
    watched = CheckResult("registry.overview_daily", "watchdog_agrees", DAY, NEXT, True, "error", "d", 0, [])  # noqa: FBT003
    publishing.record_checks(done, [watched])
    assert reasons(done) == [], "the watchdog looks at old days each week"
    execute(url, f"delete from ops.reports {where}")
    assert f"registry.daily_report: {DAY} not published yet" in reasons(done)
    execute(url, "delete from ops.written_reports; update ops.partitions set changed_at = null")
    assert reasons(done) == [], "what is unknown counts as current"


def test_the_newest_report_is_due_when_a_file_is_found_that_tells_no_day(done: Database) -> None:
    write(done.settings, "download_events/app.ndjson", [download(3, downloaded_at="soon")])
    load(done, DOWNLOADS, DAY)
    found = {(item.table, item.start) for item in plan(done).reports}
    assert ("registry.daily_report", NEXT) in found
    assert ("registry.daily_report", DAY) not in found
    settle(done, DAY, NEXT)
    assert plan(done).reports == []


def test_an_emptied_folder_is_due_and_an_old_index(done: Database) -> None:
    folder = done.settings.reports_dir
    (folder / "index.html").unlink()
    assert reasons(done) == ["reports.index: not there, or older than a report"]
    assert [str(job) for job in plan(done).jobs] == ["views: reports.index"]
    shutil.rmtree(folder)
    found = plan(done)
    assert {item.table.split(".")[0] for item in found.reports} == set(CATALOG.families)
    assert len(found.reports) == 4 * len(CATALOG.families), "two days, their week and their month"
    assert [str(job).partition(":")[0] for job in found.jobs] == [
        f"daily {DAY} to {NEXT}", f"weekly {DAY}", f"monthly {DAY.replace(day=1)}", "views"
    ]  # fmt: skip


def test_a_view_that_was_not_refreshed_is_due(done: Database) -> None:
    write(done.settings, "download_events/late.ndjson", [download(3, NEXT)])
    load(done, DOWNLOADS, NEXT)
    aggregate(done, NEXT, NEXT, ("day",), ["registry"])
    assert plan(done).views["registry.top_modules_30d"] == "older than its input registry.module_stats_daily"
    publishing.refresh(done, CATALOG.views["registry.top_modules_30d"])
    assert plan(done).views["registry.top_modules_30d"] == "changed since it was checked"


def test_a_report_does_not_call_passed_what_did_not_run(done: Database) -> None:
    def said() -> tuple[str, list[str]]:
        value = write_report(done, CATALOG, "registry", "day", DAY).value
        sections = {section["name"]: section["sentence"] for section in value["sections"]}
        return sections["quality_checks"], [n["kind"] for n in value["state"]["notices"]]

    assert said()[0].startswith("None: all ")
    assert "unchecked" not in said()[1]
    execute(
        done.settings.database_url,
        f"delete from ops.check_results where table_name = '{OVERVIEW}' and check_name <> 'change_is_small' "
        f"and period_start = '{DAY}'",
    )
    count = len(declared_checks(CATALOG)[OVERVIEW])
    sentence, notices = said()
    assert sentence.endswith(f"{count} checks have not run.")
    assert " passed" not in sentence
    assert "unchecked" in notices
