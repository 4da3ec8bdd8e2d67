"""Doctor finds each thing that can be wrong, one at a time, and says what to type."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Server, reachable_folder, settings_in
from dagster._daemon.types import DaemonHeartbeat
from due import settle
from events import (
    DAY,
    aggregate,
    compilation,
    download,
    execute,
    load,
    load_and_aggregate,
    restored_environment,
    rows_of,
    view,
    write,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.doctor import Finding, examine
from analytics_etl.monitoring.status import notes
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.pipeline.loading import scan_files
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

TODAY = DAY + timedelta(days=1)


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
    with restored_environment(), dagster_instance.instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp(), "SENSOR", "x", []))
    return settings


def wrong(settings: Settings, catalog: Catalog, today: date = TODAY) -> list[Finding]:
    """What is wrong; each finding says what to do, with a command."""
    found = [finding for finding in examine(settings, catalog, today) if not finding.is_well]
    for finding in found:
        assert finding.advice, finding
        words = ("analytics-etl ", "sudo ", "mv ", "psql ", "du ", "unset ", "set ANALYTICS_HOME")
        assert any(word in finding.advice for word in words), finding
    return found


def only(findings: list[Finding]) -> tuple[str, str, str]:
    [finding] = findings
    return finding.subject, finding.detail, finding.advice or ""


def test_nothing_is_wrong(well: Settings, catalog: Catalog) -> None:
    assert wrong(well, catalog) == []


def test_an_old_postgresql(well: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.surroundings, "OLDEST_POSTGRESQL", 990000)
    subject, detail, advice = only(wrong(well, catalog))
    assert subject == "database"
    assert detail.endswith("is too old")
    assert "PostgreSQL 15 or later" in advice


def test_a_full_disk(well: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.surroundings, "LITTLE_SPACE", 1 << 62)
    subject, detail, advice = only(wrong(well, catalog))
    assert subject == "disk"
    assert "GiB free below" in detail
    assert "analytics-etl prune" in advice


def test_a_missing_migration(well: Settings, catalog: Catalog) -> None:
    execute(well.database_url, "delete from ops.schema_version")
    assert only(wrong(well, catalog))[::2] == ("migrations", "analytics-etl migrate")


def test_a_missing_partition(well: Settings, catalog: Catalog, database: Database) -> None:
    execute(
        well.database_url,
        f"delete from ops.partitions where table_name = 'registry.org_stats_daily' and period_start = '{DAY}'",
    )
    assert only(wrong(well, catalog)) == (
        "days",
        f"1 partition to run from {DAY} to {DAY}: registry.org_stats_daily: {DAY} missing",
        "analytics-etl backfill --missing",
    )
    load(database, "registry.download_events", DAY + timedelta(days=3))
    findings = {finding.subject: finding for finding in wrong(well, catalog, DAY + timedelta(days=4))}
    assert (
        "registry.download_events: 2 partitions between 2025-03-11 and 2025-03-12: missing" in findings["days"].detail
    )


def test_a_new_table_lacks_all_days_also_old_ones(well: Settings, catalog: Catalog, database: Database) -> None:
    later = DAY + timedelta(days=40)
    write(well, "download_events/later.ndjson", [download(100, later)])
    load_and_aggregate(database, DAY, later)
    execute(well.database_url, "delete from ops.partitions where table_name = 'registry.org_stats_daily'")
    execute(well.database_url, "delete from ops.partitions where table_name = 'registry.module_stats_weekly'")
    [finding] = [found for found in wrong(well, catalog, later + timedelta(days=1)) if found.subject == "days"]
    assert f"registry.org_stats_daily: 41 partitions between {DAY} and {later}: missing" in finding.detail
    assert "registry.module_stats_weekly: 6 partitions between 2025-03-10 and 2025-04-14: missing" in finding.detail


def test_yesterday_is_not_there(well: Settings, catalog: Catalog) -> None:
    subject, detail, advice = only(wrong(well, catalog, TODAY + timedelta(days=2)))
    assert (subject, detail) == ("newest day", "nothing is loaded after 2025-03-10, and yesterday was 2025-03-12")
    assert advice.endswith("analytics-etl backfill 2025-03-11 2025-03-12")


def test_no_daemon(well: Settings, catalog: Catalog) -> None:
    execute(well.database_url, "update dagster.daemon_heartbeats set timestamp = timestamp - interval '6 minutes'")
    assert only(wrong(well, catalog))[0] == "daemon"


def test_a_missing_view(well: Settings, catalog: Catalog) -> None:
    execute(well.database_url, "drop materialized view registry.trending_modules")
    assert only(wrong(well, catalog)) == (
        "views",
        "registry.trending_modules is missing",
        "analytics-etl backfill --missing",
    )


def test_a_stale_view(well: Settings, catalog: Catalog, database: Database) -> None:
    write(well, "download_events/b.ndjson", [download(n, TODAY) for n in range(100, 120)])
    for table in catalog.contracts:
        load(database, table, TODAY)
    aggregate(database, TODAY, TODAY, ["day", "week"])
    found = {finding.subject: finding for finding in wrong(well, catalog, TODAY + timedelta(days=1))}
    assert found["views"].detail == "registry.top_modules_30d, registry.trending_modules do not show the newest day"
    assert found["views"].advice == f"analytics-etl run {TODAY}"


def test_a_failed_check(well: Settings, catalog: Catalog) -> None:
    execute(
        well.database_url,
        "update ops.check_results set passed = false, description = 'no id twice', unexpected_count = 1 "
        "where table_name = 'registry.download_events' and check_name = 'event_ids_are_unique'",
    )
    subject, detail, advice = only(wrong(well, catalog))
    assert subject == "checks"
    assert detail == (
        "1 failed check: event_ids_are_unique of registry.download_events 2025-03-10: a row breaks the rule "
        "“no id twice”; what reads the day waits for it"
    )
    assert advice.splitlines()[0] == "analytics-etl run 2025-03-10"


def test_files_that_nothing_has_looked_at(well: Settings, catalog: Catalog) -> None:
    write(well, "download_events/new.ndjson", [download(50)])
    found = {finding.subject: finding for finding in examine(well, catalog, TODAY)}["new files"]
    said = (
        "1 landing file not looked at yet, new or replaced, e.g. download_events/new.ndjson: the daemon, last heard of "
    )
    assert (found.is_well, found.detail) == (True, f"{said}less than a minute ago, does within minutes")
    execute(well.database_url, "update dagster.daemon_heartbeats set timestamp = timestamp - interval '200 seconds'")
    found = {finding.subject: finding for finding in examine(well, catalog, TODAY)}["new files"]
    assert found.detail == f"{said}3 minutes ago, does within minutes", "it may have ended since"
    execute(well.database_url, "delete from dagster.daemon_heartbeats")
    files, daemon = wrong(well, catalog)
    assert (files.subject, files.advice, daemon.subject) == ("new files", "analytics-etl backfill --missing", "daemon")


def test_rows_of_today_wait_until_it_is_over(well: Settings, catalog: Catalog, database: Database) -> None:
    write(well, "download_events/today.ndjson", [download(50, TODAY)])
    scan_files(catalog, database, None, lambda _: None)
    assert wrong(well, catalog) == []
    found = {finding.subject: finding for finding in wrong(well, catalog, TODAY + timedelta(days=1))}
    assert found["late rows"].detail == "1 row of 1 day came after the day was loaded, or before it was asked for"
    assert found["late rows"].advice == "analytics-etl backfill --missing"


def test_rows_before_the_first_day_are_seen(well: Settings, catalog: Catalog, database: Database) -> None:
    """No partition can hold them, so nothing else tells of them; the next time they are loaded as advised."""
    first, second = date(2024, 12, 30), date(2024, 12, 31)
    write(well, "download_events/old.ndjson", [download(50, first), download(51, second), download(52, second)])
    scan_files(catalog, database, None, lambda _: None)
    said = (
        "3 rows of registry.download_events of 2024-12-30 to 2024-12-31 are in no table, since days begin on 2025-01-01"
    )
    advice = (
        "if the times are wrong, mend the files; if not, set ANALYTICS_START_DATE=2024-12-30 for good, which makes 2 "
        "days more of every table: analytics-etl backfill --missing"
    )
    subject, detail, advised = only(wrong(well, catalog))
    assert (subject, detail, advised) == ("early rows", said, advice)
    assert notes(database, DAY, TODAY) == [f"{said}: {advice}"]
    assert notes(database, DAY, TODAY, ["usage"]) == []
    earlier = Database(replace(well, start_date=first))
    plan = make_plan(earlier, catalog, first, second)
    assert {(item.table, item.start) for item in plan.partitions if item.table == "registry.download_events"} == {
        ("registry.download_events", first), ("registry.download_events", second)
    }  # fmt: skip
    load(earlier, "registry.download_events", first, second)
    assert len(rows_of(well.database_url)) == 3 + 20  # of the day there was
    assert [f for f in examine(earlier.settings, catalog, TODAY) if f.subject == "early rows" and not f.is_well] == []


def test_each_day_that_waits_for_a_person_is_named(well: Settings, catalog: Catalog, database: Database) -> None:
    """Three days become final; then rows of each come late, and rows of the newest, which is provisional."""
    days = [DAY + timedelta(days=n) for n in range(10)]
    write(well, "download_events/days.ndjson", [download(100 + n, day) for n, day in enumerate(days)])
    load_and_aggregate(database, DAY, days[-1])
    write(well, "download_events/late.ndjson", [download(200 + n, day) for n, day in enumerate([*days[:3], days[-1]])])
    load(database, "registry.module_view_events", days[-1])
    load(database, "registry.download_events", days[-2])  # reads the late file, and loads its own day of it only
    found = {finding.subject: finding for finding in wrong(well, catalog, days[-1] + timedelta(days=1))}
    assert found["late rows"].detail == (
        "4 rows of 4 days came after the day was loaded, or before it was asked for; final, and left as they are: "
        "2025-03-10, 2025-03-11, 2025-03-12"
    )
    assert (found["late rows"].advice or "").splitlines() == [
        "analytics-etl backfill --missing",
        'analytics-etl reopen 2025-03-10 --reason "why"',
        'analytics-etl reopen 2025-03-11 --reason "why"',
        'analytics-etl reopen 2025-03-12 --reason "why"',
    ]


def test_refused_changes_are_named_with_what_publishes_them(well: Settings, catalog: Catalog) -> None:
    for day in ("2025-03-03", "2025-03-04", "2025-03-07"):
        execute(
            well.database_url,
            "insert into ops.check_results (table_name, check_name, period_start, period_end, passed, severity, "
            "description, unexpected_count, sample) values ('registry.download_events', 'change_is_small', "
            f"'{day}', '{day}'::date + 1, false, 'error', 'd', 1, '[]')",
        )
    subject, detail, advice = only(wrong(well, catalog))
    assert subject == "changes"
    assert detail == (
        "refused, since the day is final: registry.download_events 2025-03-03, registry.download_events 2025-03-04, "
        "registry.download_events 2025-03-07; the old rows stay until somebody looks and accepts"
    )
    assert advice.splitlines() == [
        "analytics-etl changes 2025-03-03 2025-03-07",
        'analytics-etl backfill 2025-03-03 2025-03-04 --accept-change --reason "why"',
        'analytics-etl run 2025-03-07 --accept-change --reason "why"',
    ]


def test_an_empty_landing_folder_and_one_that_is_a_file(well: Settings, catalog: Catalog) -> None:
    (well.landing_dir / "compilation_events" / "a.ndjson").unlink()
    assert only(wrong(well, catalog))[:2] == (
        "landing compilation_events",
        f"no files below {well.landing_dir / 'compilation_events'}",
    )
    (well.landing_dir / "compilation_events").rmdir()
    (well.landing_dir / "compilation_events").write_text("a file")
    assert only(wrong(well, catalog))[1].endswith("compilation_events is a file; expected a folder")


def test_a_table_that_never_had_a_file(settings: Settings) -> None:
    """It is empty by its nature as long as others of its family have files: told, and nothing is wrong."""
    settings = replace(settings, families=("registry", "usage"))
    database, catalog = Database(settings), Catalog.of(settings)
    write(settings, "download_events/a.ndjson", [download(n) for n in range(20)])
    for day in (DAY, DAY + timedelta(days=1)):
        load_and_aggregate(database, day, day)
    settle(database, DAY, DAY + timedelta(days=1))
    found = {finding.subject: finding for finding in examine(settings, catalog, TODAY + timedelta(days=1))}
    views = found["landing module_view_events"]
    assert (views.is_well, views.is_note) == (True, True)
    assert views.detail == "no files yet for registry.module_view_events: nothing to do if it has none"
    assert found["landing schema_usage_events"].detail == "no files: the family usage is not used"
    for table in ("registry.download_events", "registry.module_view_events"):
        volume = [check for check in declared_checks(catalog)[table] if check.name == "volume_is_usual"]
        record_checks(database, evaluate(database, targets(catalog)[table], volume, {TODAY: TODAY + timedelta(days=1)}))
    odd = database.query("select table_name from ops.days where warned_checks <> '{}'")
    assert odd == [{"table_name": "registry.download_events"}], "it had rows the day before"
    found["volume"] = doctor.days.volume(database)
    assert found["volume"].detail.startswith("of the last 30 days 1 day of registry.download_events empty or far ")
    execute(
        settings.database_url,
        "update ops.days set warned_checks = '{volume_is_usual}' where table_name = 'registry.module_view_events'",
    )
    detail = doctor.days.volume(database).detail
    assert detail.startswith("of the last 30 days 3 partitions (2 days of 2 tables) empty or far ")


def test_a_file_that_is_no_events(well: Settings, catalog: Catalog) -> None:
    write(well, "compilation_events/a.xlsx", b"x")
    subject, detail, _ = only(wrong(well, catalog))
    assert subject == "landing compilation_events"
    assert detail.startswith("1 of 2 files cannot be read, e.g. compilation_events/a.xlsx: it has an unknown ending")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Permissions mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_landing_folder_that_cannot_be_read(catalog: Catalog) -> None:
    settings = settings_in(reachable_folder(), "postgresql://nobody@127.0.0.1:1/nothing")
    path = write(settings, "compilation_events/a.ndjson", b"")
    told: list[str] = []

    def look() -> str:
        with as_nobody():
            found = {finding.subject: finding for finding in examine(settings, catalog, TODAY)}
        told.append(found["landing compilation_events"].advice or "")
        return found["landing compilation_events"].detail

    assert look() == "1 file"
    path.chmod(0o000)
    assert look() == "1 of 1 file cannot be read, e.g. compilation_events/a.ndjson: it cannot be read by this user"
    for folder in (path.parent, settings.landing_dir, settings.landing_dir.parent):
        folder.chmod(0o000)
        assert look() == f"{folder} cannot be read by this user"
        assert told[-1].startswith(f"sudo chmod a+rx {folder}")
    for folder in (settings.landing_dir.parent, settings.landing_dir, path.parent):
        folder.chmod(0o755)
    shutil.rmtree(settings.landing_dir.parent)


def test_no_grants_at_all(server: Server, tmp_path: Path, catalog: Catalog) -> None:
    url = server.clone()
    execute(url, "create role stranger login")
    try:
        settings = settings_in(tmp_path, url.replace("postgres@", "stranger@", 1))
        found = [finding for finding in wrong(settings, catalog) if not finding.subject.startswith("landing")]
        subject, detail, advice = only(found)
        assert (subject, detail) == ("roles", "stranger may not look into the schema ops: no grants are set for it")
        assert advice.startswith("analytics-etl migrate --roles")
    finally:
        execute(url, "drop role stranger")
        server.drop(url)
