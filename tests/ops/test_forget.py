"""Forgetting a landing file that is gone: its days are free again, archived rows stay, mistakes are refused."""

from dataclasses import replace
from datetime import timedelta

import pytest
from commands import call, variables
from events import DAY, DOWNLOADS, ask, booked, download, ledger, load, rejected, rows_of, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring.doctor.files import files_read
from analytics_etl.pipeline import retention
from analytics_etl.pipeline.forgetting import forget_file
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

NEXT_DAY = DAY + timedelta(days=1)
LOST = "download_events/lost.ndjson"


def failed_checks(database: Database, catalog: Catalog) -> set[str]:
    """The checks about files and books that fail on the first day, kept as a run keeps them."""
    names = ("files_are_readable", "undated_files_are_readable", "loaded_equals_read")
    checks = [check for check in declared_checks(catalog)[DOWNLOADS] if check.name in names]
    results = evaluate(database, targets(catalog)[DOWNLOADS], checks, {DAY: NEXT_DAY})
    record_checks(database, results)
    return {result.name for result in results if not result.passed}


@pytest.fixture
def lost(settings: Settings, database: Database) -> Database:
    """A file with rows of two days is gone, and the first of them was run without it."""
    write(settings, "download_events/kept.ndjson", [download(1)])
    path = write(settings, LOST, [download(2), download(3, file_size=-1), download(4, NEXT_DAY)])
    load(database, DOWNLOADS, DAY, NEXT_DAY)
    path.unlink()
    load(database)
    return database


def test_its_days_are_free_again(lost: Database, catalog: Catalog) -> None:
    url = lost.settings.database_url
    assert failed_checks(lost, catalog) == {"files_are_readable"}
    assert len(rows_of(url)) == 2
    done = call(f"forget {lost.settings.landing_dir / LOST} --reason moved", variables(lost.settings))
    assert done.exit_code == 0, done.output
    assert f"{LOST} is forgotten" in done.stdout
    assert f"still in {DOWNLOADS}: 1 row of it. Next:" in done.stdout
    assert f"  analytics-etl backfill {DAY} {NEXT_DAY}\n" in done.stdout
    [audited] = ask(url, "select action, subject, reason from ops.audit where action = 'forget'")
    assert (audited["subject"], audited["reason"]) == (f"{DOWNLOADS} {LOST}", "moved")
    assert LOST not in ledger(url)
    assert LOST not in booked(url)
    assert rejected(url) == []
    load(lost, DOWNLOADS, DAY, NEXT_DAY)
    assert failed_checks(lost, catalog) == set()
    assert len(rows_of(url)) == 1


def test_a_file_that_could_never_be_read_is_forgotten_too(
    settings: Settings, database: Database, catalog: Catalog
) -> None:
    write(settings, "download_events/kept.ndjson", [download(1)])
    path = write(settings, f"download_events/{DAY}.csv", b"no header of ours\n")
    load(database)
    path.unlink()
    load(database)
    assert failed_checks(database, catalog) == {"files_are_readable"}
    forgotten = forget_file(database, f"download_events/{DAY}.csv", "somebody", "rubbish")
    assert (forgotten.rows, forgotten.days) == (0, [DAY])
    assert failed_checks(database, catalog) == set()


def test_nothing_is_to_be_run_for_a_file_that_held_no_valid_row(settings: Settings, database: Database) -> None:
    write(settings, "download_events/kept.ndjson", [download(1)])
    path = write(settings, LOST, [download(2, file_size=-1), download(3, NEXT_DAY, file_size=-1)])
    load(database, DOWNLOADS, DAY)
    path.unlink()
    load(database)
    finding, _ = files_read(database, {})
    assert finding.is_well
    done = call(f"forget {LOST} --reason moved", variables(settings))
    assert (done.exit_code, done.stdout) == (0, f"✓ {LOST} is forgotten\n")


def test_what_would_be_wrong_is_refused(lost: Database) -> None:
    with pytest.raises(DatabaseError, match=r"is still there, and would be read again"):
        forget_file(lost, "download_events/kept.ndjson", "somebody", "why")
    with pytest.raises(DatabaseError, match=rf"knows no file download_events/x.*for example: {LOST}"):
        forget_file(lost, "download_events/x", "somebody", "why")
    lost.settings.landing_dir.rename(lost.settings.landing_dir.with_name("unmounted"))
    with pytest.raises(DatabaseError, match=r"is it mounted\?"):
        forget_file(lost, LOST, "somebody", "why")
    assert ledger(lost.settings.database_url)[LOST]["state"] == "gone"
    assert ask(lost.settings.database_url, "select * from ops.audit") == []


def test_rows_that_only_the_lake_holds_stay_in_the_ledger(settings: Settings, catalog: Catalog) -> None:
    newest = DAY + timedelta(days=30)
    database = Database(replace(settings, hot_days=PerTable(30), personal_retention=PerTable(None)))
    alone = write(settings, "download_events/alone.ndjson", [download(1)])
    both = write(settings, "download_events/both.ndjson", [download(2), download(3, newest)])
    load(database, DOWNLOADS, DAY, newest)
    assert retention.run(database, catalog, "test", lambda *_: None).days == 1
    alone.unlink()
    both.unlink()
    before = booked(settings.database_url)
    with pytest.raises(DatabaseError, match="its rows are in the lake only"):
        forget_file(database, "download_events/alone.ndjson", "somebody", "why")
    assert booked(settings.database_url) == before
    forgotten = forget_file(database, "download_events/both.ndjson", "somebody", "why")
    assert (forgotten.rows, forgotten.days, forgotten.archived) == (1, [newest], [DAY])
    day = DAY.isoformat()
    assert booked(settings.database_url) == {path: {day: days[day]} for path, days in before.items()}
    assert failed_checks(database, catalog) == set()
    load(database, DOWNLOADS, newest)
    assert rows_of(settings.database_url) == []
    assert ledger(settings.database_url)["download_events/both.ndjson"]["state"] == "read"
