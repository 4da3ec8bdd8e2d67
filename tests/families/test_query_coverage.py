"""Questions about days that were not kept, not loaded, or loaded and empty: which of these it is, is told."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Server, settings_in
from events import Event, aggregate, declared, event_id, load, write

from analytics_etl.cli import main
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.families.queries.coverage import coverage_of_days
from analytics_etl.families.queries.schedule_statistics import statistics_of_hours, statistics_of_range
from analytics_etl.families.queries.usage import events
from analytics_etl.ops import dropped
from analytics_etl.postgres.database import Database

USAGE, SCHEDULES = "usage.schema_usage_events", "schedules.schedule_events"
OLD, SECOND, EMPTY, NEWEST = date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 11), date(2025, 3, 12)
GAP = (date(2025, 3, 3), date(2025, 3, 10))


def operation(number: int, day: date) -> Event:
    return {
        "event_id": event_id(number), "occurred_at": f"{day}T10:00:00Z", "schema_id": event_id(9), "operation": "read",
        "service": "api", "region": "eu", "latency_ms": number, "success": True,
    }  # fmt: skip


def record(number: int, day: date, queue_ms: int, kind: str = "execution") -> Event:
    return {
        "event_id": event_id(number), "recorded_at": f"{day}T10:00:00Z", "schedule_id": "sync", "execution_id": "e1",
        "schedule_type": "mongo", "event_type": kind, "level": "INFO", "result": "success", "retry_count": 0,
        "queue_time_ms": queue_ms,
    }  # fmt: skip


@pytest.fixture(scope="module")
def aged(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days whose events were not kept, a gap of eight that were never loaded, one without events, one with some."""
    folder = tmp_path_factory.mktemp("aged")
    settings = replace(settings_in(folder, server.clone(), OLD), hot_days=PerTable(5))
    write(settings, "schema_usage_events/a.ndjson", [operation(1, OLD), operation(2, SECOND), operation(3, NEWEST)])
    records = [record(1, OLD, 100), record(2, SECOND, 200), record(3, NEWEST, 600), record(4, NEWEST, 10, "other")]
    write(settings, "schedule_events/a.ndjson", records)
    database = Database(settings)
    for table in (USAGE, SCHEDULES):
        load(database, table, OLD, SECOND, EMPTY, NEWEST)
    aggregate(database, OLD, SECOND, ("day",), ["usage", "schedules"])
    aggregate(database, EMPTY, NEWEST, ("day",), ["schedules"])
    with database.transaction() as connection:
        for table in (USAGE, SCHEDULES):
            for day in (OLD, SECOND):
                dropped.drop(connection, declared().contracts[table], day, "test", "the test says so")
    yield settings
    server.drop(settings.database_url or "")


def call(settings: Settings, question: str) -> Result:
    environment = {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": settings.database_url or "",
        "ANALYTICS_LAKE": str(settings.lake_dir),
        "ANALYTICS_LANDING_DIR": str(settings.landing_dir),
        "ANALYTICS_START_DATE": str(OLD),
    }
    return CliRunner().invoke(main, question, env=environment)


def restoring(table: str, day: date) -> str:
    return f'to bring a day back from its files: analytics-etl restore {table} {day} --reason "why"\n'


QUESTIONS = {USAGE: "query usage events", SCHEDULES: "query schedules events"}
in_both = pytest.mark.parametrize("table", QUESTIONS)


@in_both
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_day_that_was_not_kept_is_not_answered_with_no_rows(aged: Settings, table: str, form: str) -> None:
    found = call(aged, f"{QUESTIONS[table]} --from {OLD} --format {form}")
    assert (found.exit_code, found.stdout) == (3, "")
    assert found.stderr == (f"{table}: {OLD} was not kept and not in the answer; {restoring(table, OLD)}")


@in_both
def test_days_that_are_there_are_answered_beside_those_that_are_not(aged: Settings, table: str) -> None:
    found = call(aged, f"{QUESTIONS[table]} --from {OLD} --to 2025-03-14 --format csv")
    ids = [row["event_id"] for row in csv.DictReader(io.StringIO(found.stdout))]
    assert sorted(ids) == [event_id(3)] + [event_id(4)] * (table == SCHEDULES)
    assert found.exit_code == 3
    assert found.stderr == (
        f"{table}: {OLD} to {SECOND} were not kept and not in the answer; {restoring(table, OLD)}"
        f"{table}: {GAP[0]} to {GAP[1]}, 2025-03-13 to 2025-03-14 are not loaded\n"
    )


@in_both
def test_json_has_the_days_that_are_not_there(aged: Settings, table: str) -> None:
    found = call(aged, f"{QUESTIONS[table]} --from {OLD} --to {NEWEST} --format json")
    answer = json.loads(found.stdout)
    assert (answer["dropped"], answer["missing"]) == (
        [str(OLD), str(SECOND)], [{"first": str(GAP[0]), "last": str(GAP[1])}],
    )  # fmt: skip
    whole = call(aged, f"{QUESTIONS[table]} --from {NEWEST} --format json")
    answer = json.loads(whole.stdout)
    assert (answer["dropped"], answer["missing"], whole.exit_code, whole.stderr) == ([], [], 0, "")


@in_both
def test_a_day_that_is_not_loaded_is_told_apart_from_one_without_events(aged: Settings, table: str) -> None:
    never = call(aged, f"{QUESTIONS[table]} --from 2025-05-01")
    assert (never.exit_code, never.stdout) == (0, "")
    assert f"{table}: 2025-05-01 is not loaded\n" in never.stderr
    empty = call(aged, f"{QUESTIONS[table]} --from {EMPTY}")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "no rows\n", "")
    both = call(aged, f"{QUESTIONS[table]} --from {GAP[1]} --to {EMPTY}")
    assert (both.stdout, both.stderr) == (
        "no rows on the 1 day that can be read\n", f"{table}: {GAP[1]} is not loaded\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("usage statistics --grain 1d", "usage.schema_usage_1d"),
        ("usage statistics --grain 5m", "usage.schema_usage_5m"),
        ("usage operations", "usage.latency_distribution_daily"),
        ("usage top", "usage.schema_usage_1d"),
        ("usage health", "usage.schema_health_daily"),
        ("usage anomalies", "usage.usage_anomalies_daily"),
        ("schedules statistics", "schedules.schedule_stats_daily"),
        ("schedules errors", "schedules.error_occurrences_daily"),
        ("schedules performance sync", "schedules.schedule_performance_daily"),
        ("schedules health", "schedules.system_health_daily"),
        ("schedules flow", "schedules.schedule_flow_daily"),
        ("schedules kafka", "schedules.kafka_publish_daily"),
    ],
)
def test_a_question_about_a_derived_table_tells_which_days_it_lacks(aged: Settings, question: str, table: str) -> None:
    """Archived events leave derived tables whole."""
    found = call(aged, f"query {question} --from {OLD} --to {GAP[0]} --format json")
    answer = json.loads(found.stdout)
    assert (answer["dropped"], answer["missing"]) == ([], [{"first": str(GAP[0]), "last": str(GAP[0])}])
    assert (found.exit_code, found.stderr) == (0, f"{table}: {GAP[0]} is not loaded\n")


def test_the_last_days_lack_none_before_the_first_one(aged: Settings) -> None:
    coverage = events(Database(aged), 1000).coverage
    assert coverage is not None
    assert (coverage.dropped, coverage.missing, coverage.other_days) == ([OLD, SECOND], [GAP], 2)
    recent = events(Database(aged), 2).coverage
    assert recent is not None
    assert (recent.dropped, recent.missing, recent.other_days) == ([], [], 2)


@pytest.mark.parametrize(
    ("first", "last", "gaps"),
    [
        (OLD, NEWEST, [GAP]),
        (GAP[0], GAP[1], [GAP]),
        (date(2025, 2, 27), date(2025, 3, 4), [(date(2025, 2, 27), date(2025, 2, 28)), (GAP[0], date(2025, 3, 4))]),
        (EMPTY, date(2025, 3, 13), [(date(2025, 3, 13), date(2025, 3, 13))]),
        (NEWEST, NEWEST, []),
        (date.min, date.max, [(date.min, date(2025, 2, 28)), GAP, (date(2025, 3, 13), date.max)]),
    ],
)
def test_gaps_are_between_the_days_that_are_there(aged: Settings, first: date, last: date, gaps: list[Any]) -> None:
    found = coverage_of_days(Database(aged), USAGE, first, last, is_raw=True)
    assert found.missing == gaps
    assert [day for day in found.dropped if not first <= day <= last] == []


def test_nothing_was_ever_loaded(database: Database) -> None:
    assert database.settings.database_url is not None
    of_usage = ("usage events", "usage zombies", "usage health", "usage anomalies", "usage top", "usage trending")
    for question in (*of_usage, "registry events", "registry top", "registry trending"):
        found = call(database.settings, f"query {question}")
        assert (found.exit_code, found.stdout) == (0, "no rows\n")
        assert found.stderr.startswith(f"no day of {question.split()[0]}.")
        assert found.stderr.endswith(" is loaded\n")


def test_statistics_of_hours_do_not_reach_a_day_that_was_not_kept(aged: Settings) -> None:
    found = statistics_of_hours(Database(aged), datetime(2025, 3, 1), datetime(2025, 3, 2))  # noqa: DTZ001 - UTC
    assert found.rows == []
    assert found.coverage is not None
    assert found.coverage.dropped == [OLD]


def test_a_range_with_days_that_were_not_kept_has_what_adds_up_and_no_percentiles(aged: Settings) -> None:
    """What has no records on these days is known as a whole."""
    found = statistics_of_range(Database(aged), OLD, NEWEST)
    keys = ("event_type", "attempt_count", "avg_queue_time_ms", "execution_count", "p50_queue_time_ms")
    highest = [row["highest_daily_p95_queue_time_ms"] for row in found.rows]
    assert [tuple(row[key] for key in keys) for row in found.rows] == [
        ("execution", 3, 300.0, None, None),
        ("other", 1, 10.0, 1, 10.0),
    ]
    assert highest == [600.0, 10.0]
    typed = call(aged, f"query schedules statistics --grain range --from {OLD} --to {NEWEST}")
    assert typed.exit_code == 3
    assert (
        f"{SCHEDULES}: {OLD} to {SECOND} were not kept, so executions and percentiles of the range are not known"
    ) in typed.stderr


def test_a_restored_day_is_answered(aged: Settings) -> None:
    """Last of this file, since it changes what the others look at."""
    restored = call(aged, f"restore {USAGE} {SECOND} --reason asked")
    assert restored.exit_code == 0
    found = call(aged, f"query usage events --from {SECOND} --format json")
    assert ([row["event_id"] for row in json.loads(found.stdout)["rows"]], found.exit_code) == ([event_id(2)], 0)
