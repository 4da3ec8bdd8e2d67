"""Undoing days: afterwards everything is as if they had never been run, whoever is interrupted in between."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Server, settings_in
from events import (
    all_tables,
    ask,
    days_of,
    declared,
    download,
    event_id,
    execute,
    load_and_aggregate,
    restored_environment,
    write,
)
from test_cli import variables

from analytics_etl import dropping
from analytics_etl.assets.reports import write_index, write_report
from analytics_etl.cli import main
from analytics_etl.missing import make_plan
from analytics_etl.models import Cadence
from analytics_etl.partitions import period_start
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

FIRST, LAST = date(2025, 3, 30), date(2025, 4, 1)  # a Sunday to a Tuesday: two weeks, two months
DAYS = days_of(FIRST, LAST)
WRONG = date(2026, 3, 31)
FAMILIES = ["registry", "schedules"]
BOOKS = {
    "partitions": "table_name, period_start, period_end, rows, code_version",
    "days": "table_name, day, state, is_final, final_from, rows, rows_waiting, files_waiting, failed_checks, failure",
    "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting",
    "loaded_files": "table_name, path, state, rows_read, rows_valid, rows_rejected",
    "check_results": "table_name, check_name, period_start, passed",
    "reports": "family, cadence, period_start",
    "report_figures": "family, cadence, period_start, figure, value",
}


def execution(number: int, day: date) -> dict[str, Any]:
    return {
        "event_id": event_id(number), "recorded_at": f"{day}T10:00:00Z", "schedule_id": "s",
        "execution_id": f"e{number}",
        "schedule_type": "mongo", "event_type": "run", "level": "INFO", "result": "success", "retry_count": 0,
        "started_at": f"{day}T09:59:00Z", "finished_at": f"{day}T10:00:00Z",
    }  # fmt: skip


def write_day(settings: Settings, day: date) -> None:
    numbers = range(day.day * 10, day.day * 10 + 5)
    write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in numbers])
    write(settings, f"schedule_events/{day}.ndjson", [execution(n, day) for n in numbers])


def write_reports(warehouse: Warehouse, *days: date) -> None:
    cadences: tuple[Cadence, ...] = ("day", "week", "month")
    for family in FAMILIES:
        for cadence in cadences:
            for start in sorted({period_start(cadence, day) for day in days}):
                write_report(warehouse, declared(), family, cadence, start)
    write_index(warehouse.settings.reports_dir)


def books(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return {
        book: ask(settings.database_url, f"select {columns} from ops.{book} order by {columns}")
        for book, columns in BOOKS.items()
    }


def reports(settings: Settings) -> dict[str, Any]:
    """What the reports on disk say: state, numbers, links; not when and with which newest day they were written."""
    found = {}
    for path in sorted(settings.reports_dir.glob("*/*/*.json")):
        value = json.loads(path.read_text())
        value["state"].pop("newest_day")
        found[str(path.relative_to(settings.reports_dir))] = [value[part] for part in ("state", "kpis", "links")]
    return found


def typed(settings: Settings, *arguments: str) -> Result:
    with restored_environment():
        return CliRunner(env={"COLUMNS": "200", **variables(settings)}).invoke(main, list(arguments))


def drop(warehouse: Warehouse, first: date, last: date, families: tuple[str, ...] = ()) -> dropping.Dropped:
    target = dropping.target_of(declared(), first, last, families)
    return dropping.run(warehouse, declared(), target, "test", "why", lambda *_: None)


@pytest.fixture
def twin(server: Server, settings: Settings) -> Iterator[Settings]:
    """Another empty database, for what was never there."""
    url = server.clone()
    yield settings_in(settings.home.parent / "twin", url)
    server.drop(url)


@pytest.mark.parametrize("gone", [DAYS[2:], DAYS[1:2], DAYS], ids=["the newest", "one between", "all"])
def test_what_is_left_is_as_if_the_days_had_never_been_run(
    settings: Settings, twin: Settings, gone: list[date]
) -> None:
    """Their files are taken away, too."""
    left = [day for day in DAYS if day not in gone]
    for day in DAYS:
        write_day(settings, day)
    load_and_aggregate(Warehouse(settings), FIRST, LAST, FAMILIES)
    write_reports(Warehouse(settings), *DAYS)
    for day in gone:
        for table in ("download_events", "schedule_events"):
            (settings.landing_dir / table / f"{day}.ndjson").unlink()
    drop(Warehouse(settings), gone[0], gone[-1])

    for folder in ("download_events", "schedule_events"):
        (twin.landing_dir / folder).mkdir(parents=True)
    for day in left:
        write_day(twin, day)
    for day in left:
        load_and_aggregate(Warehouse(twin), day, day, FAMILIES)
    if not left:
        load_and_aggregate(Warehouse(twin), FIRST, LAST, FAMILIES)
        execute(twin.database_url, "; ".join(f"truncate ops.{book}" for book in BOOKS))
    write_reports(Warehouse(twin), *left)
    assert all_tables(settings.database_url) == all_tables(twin.database_url)
    assert reports(settings) == reports(twin)
    assert books(settings) == books(twin)
    assert (
        make_plan(Warehouse(settings), declared(), FIRST, LAST, ("schedules",)).gaps
        == make_plan(Warehouse(twin), declared(), FIRST, LAST, ("schedules",)).gaps
    )
