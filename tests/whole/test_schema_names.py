"""Names of schemas from the events to the report, and what becomes of days that were there before events had names."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from archived import archive, put_into_postgres
from conftest import Server, settings_in
from due import settle
from events import USAGE_EVENTS, aggregate, all_tables, ask, days_of, declared, event_id, execute, load, usage, write

from analytics_etl.catalog.contracts import Contract, read_contract
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres import migrations
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

FIRST, NEWEST = date(2025, 3, 10), date(2025, 3, 12)
NEXT = NEWEST + timedelta(days=1)
NAMES = "usage.schema_names_daily"
FORECASTS = "usage.forecasts"
"""Has other columns now, so that migrating drops it, to be made again."""


@pytest.fixture
def before(tmp_path: Path) -> Contract:
    """The contract before there were names."""
    path = tmp_path / "usage" / "events" / "schema_usage_events.sql"
    path.parent.mkdir(parents=True)
    lines = declared().contracts[USAGE_EVENTS].path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if "schema_name" not in line).replace(">= 0),\n)", ">= 0)\n)"))
    return read_contract(path)


@pytest.fixture
def older(server: Server, tmp_path_factory: pytest.TempPathFactory, before: Contract) -> Iterator[Database]:
    """A database of the version before: three days with all that is made of them, the first of them archived."""
    settings = settings_in(tmp_path_factory.mktemp("older"), server.clone(), FIRST)
    for day in days_of(FIRST, NEWEST):
        write(settings, f"schema_usage_events/{day}.ndjson", [usage(n, day) for n in range(100)])
    database = Database(settings)
    load(database, USAGE_EVENTS, *days_of(FIRST, NEWEST))
    aggregate(database, FIRST, NEWEST, families=["usage"])
    settle(database, FIRST, NEWEST)
    for model in declared().aggregates.values():
        if model.family == "usage" and model.is_in_lake_only:
            put_into_postgres(settings, model)
    execute(settings.database_url, "truncate ops.lake_files; update ops.partitions set in_postgres = true")
    migrations.downgrade(settings, "0012")
    archive(settings, before, FIRST)
    yield database
    server.drop(settings.database_url or "")


def rows(database: Database) -> dict[str, list[str]]:
    found = all_tables(database.settings)
    return {
        table: of
        for table, of in found.items()
        if table.startswith("usage.") and table not in (USAGE_EVENTS, NAMES, FORECASTS)
    }


def test_the_version_before_had_its_own_contract(older: Database, before: Contract) -> None:
    found = ask(
        older.settings.database_url,
        f"select distinct code_version from ops.partitions where table_name = '{USAGE_EVENTS}'",
    )
    assert found == [{"code_version": before.code_version}]
    assert "schema_name" not in older.run(column_types, [USAGE_EVENTS])[USAGE_EVENTS]
    assert older.run(column_types, [NAMES]) == {}


def test_days_without_names_stay_as_they_are(older: Database) -> None:
    tables, url = rows(older), older.settings.database_url
    migrations.upgrade(older.settings)
    remade = f"{FORECASTS}: 3 partitions between {FIRST} and {NEWEST}: missing"
    assert make_plan(older, declared(), FIRST, NEWEST, ("usage",)).reasons() == [remade]
    assert rows(older) == tables
    aggregate(older, FIRST, NEWEST, ("day",), ["usage"])  # of the archived day, too
    assert rows(older) == tables
    assert ask(url, f"select * from {NAMES}") == []
    Archiver(older.settings).restore(declared().contracts[USAGE_EVENTS], FIRST, "test", "why")
    counts = "count(*)::int as n, count(schema_name)::int as named"
    restored = f"select {counts} from {USAGE_EVENTS} where occurred_at < '{NEWEST}'"
    assert ask(url, restored) == [{"n": 200, "named": 0}]
    Archiver(older.settings).drop(declared().contracts[USAGE_EVENTS], FIRST, "test")
    others = {table for table in declared().in_order() if table.startswith("usage.")} - {FORECASTS}
    assert make_plan(older, declared(), FIRST, NEWEST, ("usage",), others).reasons() == []


def test_new_days_have_names_and_the_report_says_them(older: Database) -> None:
    migrations.upgrade(older.settings)
    named = [usage(n, NEXT, schema_name=f"orders-{n % 3}" if n % 3 else None) for n in range(100)]
    write(older.settings, f"schema_usage_events/{NEXT}.ndjson", named)
    load(older, USAGE_EVENTS, NEXT)
    aggregate(older, NEXT, NEXT, ("day",), ["usage"])
    found = ask(older.settings.database_url, f"select schema_id::text, schema_name from {NAMES} order by 1")
    assert found == [
        {"schema_id": event_id(2), "schema_name": "orders-1"}, {"schema_id": event_id(3), "schema_name": "orders-2"}
    ]  # fmt: skip
    assert shown(older, NEXT) == {event_id(1): event_id(1), event_id(2): "orders-1", event_id(3): "orders-2"}
    assert set(shown(older, NEWEST).values()) == set(shown(older, NEWEST)), "nobody knew a name then"


def shown(database: Database, day: date) -> dict[str, Any]:
    """{id: name} of the most used schemas in the report of a day."""
    path = write_report(database, declared(), "usage", "day", day).json
    sections = json.loads(path.read_text(encoding="utf-8"))["sections"]
    (used,) = (section for section in sections if section["name"] == "most_used_schemas")
    return {row["schema_id"]: row["schema_name"] for row in used["rows"]}


def test_names_are_not_lost_by_going_back(older: Database) -> None:
    migrations.upgrade(older.settings)
    write(older.settings, f"schema_usage_events/{NEXT}.ndjson", [usage(1, NEXT, schema_name="orders")])
    load(older, USAGE_EVENTS, NEXT)
    execute(older.settings.database_url, "truncate ops.lake_files")
    with pytest.raises(Exception, match="holds names of schemas, which this downgrade would lose"):
        migrations.downgrade(older.settings, "0012")
    execute(older.settings.database_url, f"update {USAGE_EVENTS} set schema_name = null")
    migrations.downgrade(older.settings, "0012")
