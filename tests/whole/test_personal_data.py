"""Personal data is in no reason, sample or error, and after its time nowhere in the database."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
from events import DOWNLOADS, all_tables, ask, declared, download, execute, load, rejected, view, write

from analytics_etl.catalog.contracts import read_contract
from analytics_etl.checks import Check, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.landing.json_text import json_fields
from analytics_etl.landing.validation import validated
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.pool import transaction
from analytics_etl.tables.archiving import Archiver

FAMILIES_IN_USE = ("registry",)

OLD, NEWEST = date(2025, 3, 1), date(2025, 3, 20)
ADDRESS, AGENT = "10.98.76.54", "Browser of somebody"


def test_after_its_time_it_is_nowhere(settings: Settings) -> None:
    odd = [{"v": ADDRESS}, [ADDRESS], ADDRESS]
    write(
        settings,
        f"download_events/{OLD}.ndjson",
        [
            *(download(n, OLD, ip_address=value, user_agent={"name": AGENT}) for n, value in enumerate(odd)),
            download(10, OLD, ip_address=ADDRESS, user_agent=AGENT),
            download(11, OLD, ip_address={"v": ADDRESS}),
            download(12, OLD, ip_address=ADDRESS, file_size=-1),
        ],
    )
    write(settings, f"module_view_events/{OLD}.ndjson", [view(1, OLD, ip_address=[ADDRESS]), view(2, OLD)])
    # Of these nothing tells a day.
    write(settings, "download_events/undated.ndjson", [download(20, OLD, downloaded_at="late", ip_address=ADDRESS)])
    write(settings, f"download_events/{NEWEST}.ndjson", [download(30, NEWEST)])
    write(settings, f"module_view_events/{NEWEST}.ndjson", [view(30, NEWEST)])
    database = Database(replace(settings, personal_retention=PerTable(10)))
    load(database, DOWNLOADS, OLD, NEWEST)
    load(database, "registry.module_view_events", OLD, NEWEST)
    reasons = [str(reason) for _, _, reason, _ in rejected(settings.database_url)]
    assert len(reasons) == 7
    assert [reason for reason in reasons if ADDRESS in reason or AGENT in reason] == []
    assert "ip_address: expected text, got something else" in reasons
    # As an earlier version wrote them.
    execute(
        settings.database_url,
        "insert into ops.rejected_rows (table_name, path, day, line, reason) values "
        f"('{DOWNLOADS}', 'a', '{OLD}', 1, 'ip_address: expected text, got [\"{ADDRESS}\"]'), "
        f"('{DOWNLOADS}', 'a', '{OLD}', 2, 'rule: expected x, got version = 1, ip_address = {ADDRESS}'), "
        f"('{DOWNLOADS}', 'a', '{OLD}', 3, 'file_size: expected a whole number, got x')",
    )
    execute(settings.database_url, "update ops.loaded_files set read_at = '2025-03-02' where path like '%undated%'")
    for contract in declared().contracts.values():
        for day in Archiver(database.settings).personal_due(contract):
            Archiver(database.settings).remove_personal_from_table(contract, day, "test")
        Archiver(database.settings).remove_rejected_content(contract)
    held = {table: [row for row in rows if ADDRESS in row or AGENT in row] for table, rows in everything(settings)}
    assert {table: rows for table, rows in held.items() if rows} == {}
    kept = {
        row["reason"] for row in ask(settings.database_url, "select reason from ops.rejected_rows where path = 'a'")
    }
    assert kept == {
        "ip_address: expected text, got what was removed",
        "rule: expected x, got what was removed",
        "file_size: expected a whole number, got x",
    }
    downloads = declared().contracts[DOWNLOADS]
    assert Archiver(database.settings).remove_rejected_content(downloads) == 0


def everything(settings: Settings) -> list[tuple[str, list[str]]]:
    """Every row of every table of ours, as text."""
    books = ask(settings.database_url, "select tablename as name from pg_tables where schemaname = 'ops'")
    rows = {
        name: [str(row) for row in ask(settings.database_url, f"select * from ops.{name}")]
        for name in (book["name"] for book in books)
    }
    return [*all_tables(settings).items(), *rows.items()]


def test_reasons_of_other_types_and_constraints(tmp_path: Path) -> None:
    """A contract whose personal columns are a UUID and a bounded text."""
    path = tmp_path / "other" / "events" / "visit_events.sql"
    path.parent.mkdir(parents=True)
    columns = {
        "event_id": "Identifier.",
        "seen_at": "When.",
        "person": "Who. Personal data.",
        "phone": "Personal data.",
    }
    path.write_text(
        "create table other.visit_events (event_id uuid not null, seen_at timestamptz not null, person uuid, "
        "phone text, constraint phone_short check (length(phone) < 9)) partition by range (seen_at);\n"
        "comment on table other.visit_events is 'Visits.';\n"
        + "".join(f"comment on column other.visit_events.{name} is '{text}';\n" for name, text in columns.items())
    )
    contract = read_contract(path)
    assert contract.personal_columns == ("person", "phone")
    begin = '{"event_id": "00000000-0000-0000-0000-000000000001", "seen_at": "2025-03-01T00:00:00Z", '
    with duckdb.connect() as connection:
        connection.execute("create table lines (_file int, _found_at timestamptz, _line int, _raw varchar)")
        for rest in ('"person": "SECRET"', '"phone": "SECRET 12345"'):
            connection.execute("insert into lines values (1, '2025-03-02 00:00:00+00', 1, ?)", [begin + rest + "}\n"])
        found = connection.execute(f"select _reason from ({validated(contract, json_fields(contract))})").fetchall()
    assert sorted(reason for (reason,) in found) == [
        "person: expected a UUID, got something else",
        "phone_short: expected LENGTH(phone) < 9, got phone = (personal data)",
    ]


def test_samples_of_checks_withhold_it(settings: Settings) -> None:
    write(settings, f"download_events/{OLD}.ndjson", [download(1, OLD, ip_address=ADDRESS, user_agent=AGENT)])
    database = Database(settings)
    load(database, DOWNLOADS, OLD)
    select = "select event_id, ip_address, user_agent, module_name from {batch}"
    by_select = Check(DOWNLOADS, "all", "None.", "error", "unexpected_rows_expectation", {}, select)
    by_column = Check(
        DOWNLOADS, "short", "Short.", "error", "expect_column_value_lengths_to_be_between",
        {"column": "ip_address", "max_value": 1},
    )  # fmt: skip
    target = targets(declared())[DOWNLOADS]
    results = evaluate(database, target, [by_select, by_column], {OLD: OLD + timedelta(days=1)})
    assert [(result.passed, result.unexpected_count) for result in results] == [(False, 1), (False, 1)]
    said = str([result.sample for result in results])
    assert ADDRESS not in said
    assert AGENT not in said
    assert "(withheld)" in said
    assert results[0].sample[0]["module_name"] == download(1)["module_name"]


def test_errors_of_the_database_quote_no_row(settings: Settings) -> None:
    def insert() -> None:
        with transaction(settings) as connection:
            connection.execute("create temporary table t (ip_address text check (ip_address = ''))")
            connection.execute(f"insert into t values ('{ADDRESS}')")

    with pytest.raises(psycopg.errors.CheckViolation) as raised:
        insert()
    assert "violates check constraint" in str(raised.value)
    assert ADDRESS not in str(raised.value)
