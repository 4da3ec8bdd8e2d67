"""Questions about schedule executions, as a library and as they are typed."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Server, settings_in
from events import aggregate, event_id, load, write

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.schedules import EventFilter, errors, events, performance, statistics
from analytics_etl.postgres.database import Database

FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)


def record(number: int, at: str, **changes: object) -> dict[str, Any]:
    return {
        "event_id": event_id(number), "recorded_at": f"2025-03-{at}Z", "schedule_id": "sync", "execution_id": "e1",
        "schedule_type": "mongo", "event_type": "execution", "level": "INFO", "result": "success", "retry_count": 0,
        "queue_time_ms": 100 * number, "processing_time_ms": 10, **changes,
    }  # fmt: skip


EVENTS = [
    record(1, "30T10:00:00", processing_time_ms=5),
    record(2, "30T10:00:00", result="failure", level="ERROR", error_message="lock 1 lost"),
    record(3, "31T10:00:00", schedule_type="redis", event_type="processing"),
    record(4, "31T10:00:00", result="timeout", level="ERROR", error_message="lock 2 lost"),
    record(5, "31T11:00:00", schedule_id="rollup", result="failure", level="ERROR", error_message="[red]no[/] disk"),
]


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("queries"), server.clone(), FIRST)
    write(settings, "schedule_events/a.ndjson", EVENTS)
    database = Database(settings)
    load(database, "schedules.schedule_events", FIRST, LAST)
    aggregate(database, FIRST, LAST, ("day",), ["schedules"])
    yield settings
    server.drop(settings.database_url or "")


def numbers(rows: Any) -> list[int]:
    return [int(str(row["event_id"])[-2:], 16) for row in rows]


WINDOW = datetime(2025, 3, 30), datetime(2025, 4, 1)  # noqa: DTZ001 - times without a zone are UTC


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"schedule_id": "sync"}, [4, 3, 2, 1]),
        ({"level": "ERROR"}, [5, 4, 2]),
        ({"event_type": "processing"}, [3]),
        ({"schedule_type": "mongo", "result": "success"}, [1]),
        ({"execution_id": "e2"}, []),
    ],
)
def test_events_are_filtered(loaded: Settings, wanted: dict[str, str], found: list[int]) -> None:
    page = events(Database(loaded), *WINDOW, EventFilter(**wanted))
    assert numbers(page.rows) == found
    assert page.next is None
    assert [row["queue_time_ms"] for row in page.rows] == [100 * number for number in found]


def test_pages_hold_each_event_once(loaded: Settings) -> None:
    pages, after = [], None
    while True:
        page = events(Database(loaded), *WINDOW, limit=2, after=after)
        pages.append(numbers(page.rows))
        after = page.next
        if after is None:
            break
    assert pages == [[5, 4], [3, 2], [1]]


def test_the_window_is_half_open(loaded: Settings) -> None:
    window = datetime(2025, 3, 31, 10), datetime(2025, 3, 31, 11)  # noqa: DTZ001 - the same
    assert numbers(events(Database(loaded), *window).rows) == [4, 3]


def test_statistics_errors_and_performance(loaded: Settings) -> None:
    database = Database(loaded)
    found = statistics(database, FIRST, LAST, "mongo").rows
    assert [(row["day"], row["attempt_count"], row["success_rate"], row["p50_queue_time_ms"]) for row in found] == [
        (FIRST, 2, 0.5, 150.0),
        (LAST, 2, 0.0, 450.0),
    ]
    keys = ("pattern", "error_count", "schedule_count", "is_new", "sample_message")
    lock, disk = ("lock <n> lost", 2, 1, True, "lock 1 lost"), ("[red]no[/] disk", 1, 1, True, "[red]no[/] disk")
    assert [tuple(row[k] for k in keys) for row in errors(database, FIRST, LAST).rows] == [lock, disk]
    (last,) = errors(database, LAST, LAST, "sync").rows
    assert tuple(last[k] for k in keys) == ("lock <n> lost", 1, 1, False, "lock 2 lost")
    (day,) = performance(database, "sync", LAST, LAST).rows
    # 10 and 10 ms against 5 and 10 ms of the day before
    assert (day["avg_processing_time_ms"], day["baseline_avg_processing_time_ms"], day["baseline_days"]) == (10, 7.5, 1)
    assert day["processing_time_ratio"] == pytest.approx(4 / 3)


@pytest.mark.parametrize("limit", [1, 2])
def test_pages_of_errors_hold_each_pattern_once(loaded: Settings, limit: int) -> None:
    """Of the last day both were seen once, so that their characters say which comes first."""
    for first, expected in (
        (FIRST, ["lock <n> lost", "[red]no[/] disk"]),
        (LAST, ["[red]no[/] disk", "lock <n> lost"]),
    ):
        found, after, pages = [], None, 0
        while pages == 0 or after:
            page = errors(Database(loaded), first, LAST, limit=limit, after=after)
            found += [row["pattern"] for row in page.rows]
            after, pages = page.next, pages + 1
        assert (found, pages) == (expected, 2 // limit)


def test_a_question_that_cannot_be_asked_is_refused(loaded: Settings) -> None:
    database = Database(loaded)
    with pytest.raises(QueryError, match="the end must be after the start"):
        events(database, WINDOW[1], WINDOW[0])
    with pytest.raises(QueryError, match="level must be one of INFO, WARNING, ERROR"):
        events(database, *WINDOW, EventFilter(level="info"))
    with pytest.raises(QueryError, match="the cursor must be"):
        events(database, *WINDOW, after="x")
    for cursor in ("x", "1,!", "1,_w==", "a,bG9jaw=="):
        with pytest.raises(QueryError, match="the cursor must be"):
            errors(database, FIRST, LAST, after=cursor)
    with pytest.raises(QueryError, match="the last day must not be before the first"):
        statistics(database, LAST, FIRST)


def test_before_the_first_run_there_are_no_rows(database: Database) -> None:
    assert statistics(database, FIRST, LAST).rows == performance(database, "sync", FIRST, LAST).rows == []


def test_typed(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(loaded.home))
    monkeypatch.setenv("ANALYTICS_DATABASE_URL", loaded.database_url or "")

    def typed(*words: str) -> str:
        result = CliRunner().invoke(main, ["query", "schedules", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    answer = json.loads(typed("events", "--from", "2025-03-31", "--level", "ERROR", "--limit", "1", "--format", "json"))
    assert numbers(answer["rows"]) == [5]
    assert answer["next"] == f"2025-03-31T11:00:00Z,{event_id(5)}"
    whole = json.loads(typed("events", "--from", "2025-03-30", "--to", "2025-03-31", "--format", "json"))
    assert numbers(whole["rows"]) == [5, 4, 3, 2, 1]
    days = ("--from", "2025-03-30", "--to", "2025-03-31", "--limit", "1", "--format", "json")
    one = json.loads(typed("errors", *days))
    two = json.loads(typed("errors", *days, "--after", one["next"]))
    assert [page["rows"][0]["error_count"] for page in (one, two)] == [2, 1]
    assert two["next"] is None
    rows = list(csv.DictReader(io.StringIO(typed("statistics", "--from", "2025-03-31", "--format", "csv"))))
    assert [(row["schedule_type"], row["attempt_count"]) for row in rows] == [("mongo", "2"), ("redis", "1")]
    assert "[red]no[/] disk" in typed("errors", "--from", "2025-03-30", "--to", "2025-03-31")
    assert "0.5" in typed("performance", "sync", "--from", "2025-03-30")
