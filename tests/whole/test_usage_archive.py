"""What holds for the registry holds for schema usage without code of its own: archive, late rows, the change record."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import Server, settings_in
from events import (
    USAGE_EVENTS,
    aggregate,
    all_tables,
    ask,
    days_of,
    declared,
    edit_lake,
    event_id,
    execute,
    load,
    usage,
    write,
)

from analytics_etl import checks
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.pipeline import retention
from analytics_etl.postgres.database import Database

OLD, NEWEST = date(2025, 3, 1), date(2025, 3, 12)


@pytest.fixture
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two days of usage, more than a week apart."""
    settings = settings_in(tmp_path_factory.mktemp("usage"), server.clone(), OLD)
    for day in (OLD, NEWEST):
        write(settings, f"schema_usage_events/{day}.ndjson", [usage(n, day) for n in range(100)])
    database = Database(replace(settings, hot_days=PerTable(5)))
    load(database, USAGE_EVENTS, *days_of(OLD, NEWEST))
    aggregate(database, OLD, NEWEST, ("day",), ["usage"])
    yield database
    server.drop(settings.database_url or "")


def tables(database: Database) -> dict[str, list[str]]:
    found = all_tables(database.settings)
    return {table: rows for table, rows in found.items() if table.startswith("usage.") and table != USAGE_EVENTS}


def test_archived_days_can_be_aggregated_and_checked_again(filled: Database) -> None:
    before = tables(filled)
    assert len(before["usage.schema_usage_1h"]) > 100
    outcome = retention.run(filled, declared(), "test", lambda *_: None)
    assert outcome.rows == 100
    url = filled.settings.database_url
    assert ask(url, f"select count(*)::int as n from {USAGE_EVENTS} where occurred_at < '2025-03-02'") == [{"n": 0}]
    edit_lake(filled.settings, "usage.schema_usage_1m", f"delete from rows where day = '{OLD}'")
    for table in ("schema_usage_1d", "service_usage_daily"):
        execute(url, f"delete from usage.{table} where day = '{OLD}'")
    aggregate(filled, OLD, NEWEST, ("day",), ["usage"])
    assert tables(filled) == before
    target = checks.targets(declared())["usage.schema_usage_1m"]
    declared_checks = checks.declared_checks(declared())["usage.schema_usage_1m"]
    results = evaluate(filled, target, declared_checks, {OLD: OLD + timedelta(days=1)})
    assert [result.name for result in results if not result.passed] == []


def test_late_rows_change_their_day_and_the_days_that_look_back_on_it(filled: Database) -> None:
    before, late = tables(filled), OLD + timedelta(days=9)
    new = usage(7, late, schema_id=event_id(9))
    write(filled.settings, "schema_usage_events/late.ndjson", [new])
    load(filled, USAGE_EVENTS, late)
    aggregate(filled, late, late, ("day",), ["usage"])
    changed = {table for table, rows in tables(filled).items() if rows != before[table]}
    assert {"usage.schema_usage_1m", "usage.schema_usage_1d", "usage.schema_liveness_daily"} <= changed
    rows = ask(
        filled.settings.database_url,
        "select day, state, days_since_use::int from usage.schema_liveness_daily where schema_id = %s order by 1",
        [event_id(9)],
    )
    assert [tuple(row.values()) for row in rows] == [(late, "active", 0), (NEWEST, "active", 2)]


def test_a_final_day_does_not_change_much_unasked(filled: Database) -> None:
    write(filled.settings, f"schema_usage_events/{OLD}.ndjson", [usage(n, OLD) for n in range(50)])
    with pytest.raises(ChangeRefusedError, match=r"usage\.schema_usage_events: .* 2025-03-01: rows 100 to 50"):
        load(filled, USAGE_EVENTS, OLD, accept_change=False)


def test_an_old_day_reaches_later_ones_through_the_tables_between(server: Server, tmp_path: Path) -> None:
    """The scorecard reads 30 days and the liveness of its day, which reads a year: it must follow the liveness."""
    settings = settings_in(tmp_path, server.clone(), OLD)
    database, far = Database(settings), OLD + timedelta(days=100)
    one = event_id(1)
    write(settings, "schema_usage_events/far.ndjson", [usage(1, far, schema_id=one, operation="list")])
    load(database, USAGE_EVENTS, far)
    aggregate(database, far, far, ("day",), ["usage"])
    write(settings, "schema_usage_events/old.ndjson", [usage(2, OLD, schema_id=one)])
    load(database, USAGE_EVENTS, OLD)
    aggregate(database, OLD, OLD, ("day",), ["usage"])
    found = tables(database)
    # Last used 100 days before: a zombie, no longer new and idle.
    states = "select state, days_since_use from usage.schema_liveness_daily where day = '2025-06-09'"
    assert ask(settings.database_url, states) == [{"state": "zombie", "days_since_use": 100}]
    aggregate(database, far, far, ("day",), ["usage"])
    assert tables(database) == found
    server.drop(settings.database_url or "")
