"""Hot days: PostgreSQL has the newest raw days as a copy of the lake, or none, and nothing else differs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from events import (
    DAY,
    DOWNLOADS,
    aggregate,
    ask,
    declared,
    download,
    load,
    rows_in_lake,
    rows_of,
    write,
)

from analytics_etl import checks
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.lake import LakeError
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.pipeline import retention, verification
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

FAMILIES_IN_USE = ("registry",)

NEXT = DAY + timedelta(days=1)
STATS = "registry.module_stats_daily"


@pytest.fixture
def cold(settings: Settings) -> Database:
    """Without hot days."""
    return Database(replace(settings, hot_days=PerTable(0), personal_retention=PerTable(None)))


def in_postgres(database: Database) -> list[bool]:
    """Where the days of the downloads lie, in order, by the books and by the partitions that there are."""
    url = database.settings.database_url
    books = ask(url, "select in_postgres from ops.partitions where table_name = %s order by period_start", [DOWNLOADS])
    there = ask(url, "select count(*)::int as n from pg_inherits where inhparent = %s::regclass", [DOWNLOADS])
    found = [row["in_postgres"] for row in books]
    assert there == [{"n": sum(found)}]
    return found


def test_without_hot_days_the_tables_are_those_with_them(settings: Settings, cold: Database) -> None:
    events = [download(n, DAY if n % 2 else NEXT, success=n % 5 > 0) for n in range(200)]
    write(settings, "download_events/a.ndjson", [*events, events[7], download(300, file_size=-1)])
    load(cold, DOWNLOADS, DAY, NEXT)
    assert in_postgres(cold) == [False, False]
    assert rows_of(settings.database_url) == []
    aggregate(cold, DAY, NEXT, families=["registry"])
    stats, activity = rows_of(settings.database_url, STATS), rows_in_lake(settings, "registry.module_activity_daily")
    held = rows_in_lake(settings, DOWNLOADS)
    assert (len(held), len(stats) > 0, len(activity) > 0) == (200, True, True)
    hot = Database(replace(settings, hot_days=PerTable(90)))
    load(hot, DOWNLOADS, DAY, NEXT)
    assert in_postgres(hot) == [True, True]
    aggregate(hot, DAY, NEXT, families=["registry"])
    assert rows_of(settings.database_url, STATS) == stats
    assert rows_in_lake(settings, "registry.module_activity_daily") == activity
    assert rows_in_lake(settings, DOWNLOADS) == held
    assert len(rows_of(settings.database_url)) == 200
    assert ask(settings.database_url, "select * from ops.changes") == []
    load(cold, DOWNLOADS, NEXT)  # once more without: the copy goes
    assert in_postgres(cold) == [True, False]


def test_the_newest_days_are_hot_and_at_least_those_that_may_still_change(settings: Settings) -> None:
    days = [DAY + timedelta(days=n) for n in range(12)]
    write(settings, "download_events/a.ndjson", [download(n, day) for n, day in enumerate(days)])
    load(Database(replace(settings, hot_days=PerTable(9))), DOWNLOADS, *days)
    assert in_postgres(Database(settings)) == [False] * 3 + [True] * 9
    load(Database(replace(settings, hot_days=PerTable(1))), DOWNLOADS, *days)  # they may change for 7 days
    assert in_postgres(Database(settings)) == [False] * 5 + [True] * 7


def test_a_change_without_hot_days_has_the_same_figures_and_the_same_judge(settings: Settings, cold: Database) -> None:
    late = DAY + timedelta(days=7)
    write(settings, "download_events/a.ndjson", [download(n, file_size=100) for n in range(4)])
    write(settings, "download_events/b.ndjson", [download(900, late)])
    load(cold, DOWNLOADS, DAY, late)
    # 0 goes, 1 doubles, 2 and 3 stay, 4 and 5 come.
    changed = [download(1, file_size=200), *(download(n, file_size=100) for n in (2, 3, 4, 5))]
    write(settings, "download_events/a.ndjson", changed)
    held = rows_in_lake(settings, DOWNLOADS)
    with pytest.raises(ChangeRefusedError, match=r"rows 4 to 5 \(\+25.00 %\), file_size 400.0 to 600.0 \(\+50.00 %\)"):
        load(cold, DOWNLOADS, DAY, accept_change=False)
    assert rows_in_lake(settings, DOWNLOADS) == held
    load(cold, DOWNLOADS, DAY)
    found = ask(
        settings.database_url,
        "select published, rows_added, rows_removed, rows_changed, measures->'file_size' as size from ops.changes "
        "order by change_id",
    )
    size = {"old": 400.0, "new": 600.0, "percent": 50.0}
    assert [tuple(row.values()) for row in found] == [(False, 2, 1, 1, size), (True, 2, 1, 1, size)]


def test_checks_and_verification_read_the_lake(settings: Settings, cold: Database) -> None:
    write(settings, "download_events/a.ndjson", [download(n) for n in range(30)])
    load(cold, DOWNLOADS, DAY)
    aggregate(cold, DAY, DAY, families=["registry"])
    targets, declared_checks = checks.targets(declared()), checks.declared_checks(declared())
    for table in (DOWNLOADS, "registry.module_activity_daily", STATS):
        results = evaluate(cold, targets[table], declared_checks[table], {DAY: NEXT})
        assert results
        assert [result.name for result in results if not result.passed] == []
    findings = verification.watch(cold, declared(), seed=1)
    assert {finding.table for finding in findings if finding.keys} >= {"registry.module_activity_daily", STATS}
    assert [difference for finding in findings for difference in finding.differences] == []


def test_a_cold_day_is_restored_and_reloaded_where_it_is(settings: Settings, cold: Database) -> None:
    write(settings, "download_events/a.ndjson", [download(n) for n in range(5)])
    load(cold, DOWNLOADS, DAY)
    contract = declared().contracts[DOWNLOADS]
    with pytest.raises(DatabaseError, match=f"{NEXT} was never loaded"):
        Archiver(cold.settings).restore(contract, NEXT, "somebody", "why")
    Archiver(cold.settings).restore(contract, DAY, "somebody", "why")
    assert in_postgres(cold) == [True]
    assert rows_of(settings.database_url) == rows_in_lake(settings, DOWNLOADS)
    write(settings, "download_events/b.ndjson", [download(9)])
    load(cold, DOWNLOADS, DAY)
    assert in_postgres(cold) == [True], "a restored day stays restored"
    assert len(rows_of(settings.database_url)) == 6


def test_an_old_cold_day_is_protected_as_an_archived_one(settings: Settings, cold: Database) -> None:
    """Its landing files may be gone: what leaves the table at the age of a week elsewhere is only marked here."""
    late = DAY + timedelta(days=7)
    write(settings, "download_events/a.ndjson", [download(1), download(2, late)])
    load(cold, DOWNLOADS, DAY, late)
    assert [str(step) for step in retention.plan(cold, declared())] == [f"archive: {DOWNLOADS} {DAY}"]
    assert retention.run(cold, declared(), "test", lambda *_: None).days == 1
    assert load(cold, DOWNLOADS, DAY) == ([], [])
    assert in_postgres(cold) == [False, False]
    assert len(rows_in_lake(settings, DOWNLOADS)) == 2


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"PAR1")], ids=["missing", "damaged"])
def test_a_day_whose_file_is_lost_is_loaded_again(
    settings: Settings, cold: Database, spoil: Callable[[Path], object]
) -> None:
    """As the error says; how the day changed is not known then."""
    write(settings, "download_events/a.ndjson", [download(n) for n in range(5)])
    load(cold, DOWNLOADS, DAY)
    aggregate(cold, DAY, DAY, families=["registry"])
    spoil(next(settings.lake_dir.glob(f"registry/download_events/day={DAY}/*")))
    spoil(next(settings.lake_dir.glob(f"registry/module_activity_daily/day={DAY}/*")))
    with pytest.raises(LakeError, match=f"load the day again: analytics-etl backfill {DAY} {DAY}"):
        aggregate(cold, DAY, DAY, families=["registry"])
    write(settings, "download_events/b.ndjson", [download(9)])
    load(cold, DOWNLOADS, DAY)
    aggregate(cold, DAY, DAY, families=["registry"])
    assert len(rows_in_lake(settings, DOWNLOADS)) == len(rows_in_lake(settings, "registry.module_activity_daily")) == 6
    changed = ask(settings.database_url, "select distinct table_name from ops.changes")
    assert {row["table_name"] for row in changed}.isdisjoint([DOWNLOADS, "registry.module_activity_daily"])
