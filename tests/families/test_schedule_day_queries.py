"""Questions about the days and hours of schedule executions, against numbers worked out by hand."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Server, settings_in
from events import Event, aggregate, event_id, load, put, write

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.schedule_days import flow, health, kafka
from analytics_etl.families.queries.schedule_statistics import statistics_of_hours, statistics_of_range
from analytics_etl.families.queries.schedules import events, statistics
from analytics_etl.postgres.database import Database

FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)


def record(number: int, at: str, execution: str, result: str, queue: int | None, processing: int | None) -> Event:
    return {
        "event_id": event_id(number), "recorded_at": f"2025-03-{at}Z", "schedule_id": "sync",
        "execution_id": execution, "schedule_type": "mongo", "event_type": "execution", "level": "INFO",
        "result": result, "retry_count": 0, "queue_time_ms": queue, "processing_time_ms": processing,
    }  # fmt: skip


EVENTS = [
    record(1, "30T10:00:00", "e1", "success", 100, 10),
    record(2, "30T10:30:00", "e1", "failure", 300, 20),
    record(3, "30T23:59:59.999", "e2", "timeout", 500, None),
    record(4, "31T00:00:00", "e1", "success", 700, 30),
    record(5, "31T00:00:01", "e3", "skipped", None, None),
    record(6, "31T10:00:00", "e1", "success", 1, 2) | {
        "schedule_type": "redis", "event_type": "processing", "source_id": "redis-a", "kafka_topic": "out",
        "kafka_partition": 3, "kafka_offset": 9, "published_at": "2025-03-31T09:59:59.5Z",
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("statistics"), server.clone(), FIRST)
    write(settings, "schedule_events/a.ndjson", EVENTS)
    database = Database(settings)
    load(database, "schedules.schedule_events", FIRST, LAST)
    aggregate(database, FIRST, LAST, ("day",), ["schedules"])
    yield settings
    server.drop(settings.database_url or "")


COUNTS = ("execution_count", "attempt_count", "success_count", "failure_count", "timeout_count", "skipped_count")
QUEUE = tuple(f"{name}_queue_time_ms" for name in ("avg", "p50", "p95", "p99"))
PROCESSING = tuple(f"{name}_processing_time_ms" for name in ("avg", "p50", "p95", "p99"))


def parts(page: Page, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in page.rows]


def test_a_range_is_measured_as_a_whole(loaded: Settings) -> None:
    """The execution e1 of both days counts once, and its median is that of four times, not the mean of two medians."""
    page = statistics_of_range(Database(loaded), FIRST, LAST)
    assert parts(page, "first_day", "last_day", "schedule_type", "event_type") == [
        (FIRST, LAST, "mongo", "execution"), (FIRST, LAST, "redis", "processing"),
    ]  # fmt: skip
    assert parts(page, *COUNTS) == [(3, 5, 2, 1, 1, 1), (1, 1, 1, 0, 0, 0)]
    assert parts(page, "success_rate", "throughput_per_hour") == [(0.5, 5 / 48), (1.0, 1 / 48)]
    # 100, 300, 500, 700; 10, 20, 30
    assert parts(page, *QUEUE) == [(400.0, 400.0, 670.0, 694.0), (1.0, 1.0, 1.0, 1.0)]
    assert parts(page, *PROCESSING) == [(20.0, 20.0, 29.0, 29.8), (2.0, 2.0, 2.0, 2.0)]
    # The second day has one of each; the first 480 and 19.5
    highest = ("highest_daily_p95_queue_time_ms", "highest_daily_p95_processing_time_ms")
    assert parts(page, *highest) == [(700.0, 30.0), (1.0, 2.0)]
    assert [row["execution_count"] for row in statistics(Database(loaded), FIRST, LAST, "mongo").rows] == [2, 2]


def test_a_range_of_one_day_is_that_day(loaded: Settings) -> None:
    (day,) = statistics(Database(loaded), FIRST, FIRST).rows
    (whole,) = statistics_of_range(Database(loaded), FIRST, FIRST).rows
    assert {name: whole[name] for name in day if name in whole} == {
        name: value for name, value in day.items() if name not in ("day", "peak_hour")
    }


def test_hours_are_measured_from_their_records(loaded: Settings) -> None:
    window = datetime(2025, 3, 30, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
    page = statistics_of_hours(Database(loaded), *window, "mongo")
    midnight = datetime(2025, 3, 31, tzinfo=UTC)
    assert [row["bucket"] for row in page.rows] == [
        datetime(2025, 3, 30, 10, tzinfo=UTC), datetime(2025, 3, 30, 23, tzinfo=UTC), midnight,
    ]  # fmt: skip
    assert parts(page, *COUNTS) == [(1, 2, 1, 1, 0, 0), (1, 1, 0, 0, 1, 0), (2, 2, 1, 0, 0, 1)]
    assert parts(page, "success_rate", "throughput_per_hour") == [(0.5, 2.0), (0.0, 1.0), (1.0, 2.0)]
    assert parts(page, *QUEUE) == [(200.0, 200.0, 290.0, 298.0), (500.0,) * 4, (700.0,) * 4]
    assert parts(page, *PROCESSING) == [(15.0, 15.0, 19.5, 19.9), (None,) * 4, (30.0,) * 4]
    half = datetime(2025, 3, 30, 10, 15, tzinfo=UTC), datetime(2025, 3, 30, 10, 31, tzinfo=UTC)
    assert parts(statistics_of_hours(Database(loaded), *half), *COUNTS) == [(1, 1, 0, 1, 0, 0)]


def test_single_records_tell_where_they_came_from_and_what_kafka_got(loaded: Settings) -> None:
    window = datetime(2025, 3, 31, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
    page = events(Database(loaded), *window)
    names = ("source_id", "kafka_topic", "kafka_partition", "kafka_offset", "published_at")
    published = datetime(2025, 3, 31, 9, 59, 59, 500_000, tzinfo=UTC)
    assert parts(page, *names) == [("redis-a", "out", 3, 9, published), (None,) * 5, (None,) * 5]


TIERS = [
    {"day": LAST, "tier": tier, "attempt_count": 10 + n, "ended_count": n, "failed_count": n // 2, "status": status,
     "failure_ratio": None if n == 0 else n // 2 / n}
    for n, (tier, status) in enumerate([("other", "unknown"), ("redis", "ok"), ("mongo", "down"), ("all", "down")])
]  # fmt: skip
PARTITIONS = [
    {"day": day, "kafka_topic": topic, "kafka_partition": partition, "published_count": 3, "failed_count": 1,
     "skew_ratio": None if partition < 0 else 1.0, "first_offset": 5, "last_offset": 7}
    for day in (LAST, FIRST)
    for topic in ("b", "B,'", "a\N{LATIN SMALL LETTER E WITH ACUTE}")
    for partition in (10, -1, 2)
]  # fmt: skip
FLOW = {
    "day": LAST, "execution_count": 20, "mongo_count": 19, "clickhouse_count": 15, "redis_count": 14,
    "completed_count": 10, "lost_before_clickhouse_count": 1, "lost_before_redis_count": 2,
    "stopped_in_mongo_count": 1, "stopped_in_clickhouse_count": 2, "stopped_in_redis_count": 1,
    "completed_ratio": 0.5, "lost_ratio": 0.15, "avg_end_to_end_ms": 1500.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("days"), server.clone(), FIRST)
    one_ran: Event = {"day": FIRST, "execution_count": 1, "completed_count": 0} | {
        name: 0 for name in FLOW if name.startswith(("lost_before", "stopped"))
    }
    put(settings, {
        "schedules.system_health_daily": TIERS, "schedules.kafka_publish_daily": PARTITIONS,
        "schedules.schedule_flow_daily": [FLOW, one_ran],
    })  # fmt: skip
    yield settings
    server.drop(settings.database_url or "")


def test_health_is_that_of_each_tier_in_their_order(filled: Settings) -> None:
    page = health(Database(filled), LAST, LAST)
    assert parts(page, "tier", "status", "attempt_count", "ended_count", "failed_count", "failure_ratio") == [
        ("all", "down", 13, 3, 1, 1 / 3), ("mongo", "down", 12, 2, 1, 0.5), ("redis", "ok", 11, 1, 0, 0.0),
        ("other", "unknown", 10, 0, 0, None),
    ]  # fmt: skip
    assert parts(health(Database(filled), LAST, LAST, "redis"), "tier") == [("redis",)]
    with pytest.raises(QueryError, match="the tier must be one of all, mongo"):
        health(Database(filled), LAST, LAST, "kafka")


def test_the_fates_of_executions_make_up_all_of_them(filled: Settings) -> None:
    page = flow(Database(filled), FIRST, LAST)
    # 20 less 10, 1, 2, 1, 2 and 1
    assert parts(page, "day", "execution_count", "completed_count", "tier_missing_count") == [
        (FIRST, 1, 0, 1), (LAST, 20, 10, 3),
    ]  # fmt: skip
    assert parts(page, "avg_end_to_end_ms", "p50_end_to_end_ms") == [(None, None), (1500.0, None)]


@pytest.mark.parametrize("limit", [1, 4, 18, 100])
def test_pages_of_partitions_hold_each_once(filled: Settings, limit: int) -> None:
    found, after, pages = [], None, 0
    while pages == 0 or after:
        page = kafka(Database(filled), FIRST, LAST, limit=limit, after=after)
        found += parts(page, "day", "kafka_topic", "kafka_partition", "skew_ratio")
        after, pages = page.next, pages + 1
    topics = ("B,'", "a\N{LATIN SMALL LETTER E WITH ACUTE}", "b")
    assert found == [
        (day, topic, partition, None if partition < 0 else 1.0)
        for day in (FIRST, LAST)
        for topic in topics
        for partition in (-1, 2, 10)
    ]
    assert pages == -(-18 // limit)


@pytest.mark.parametrize("cursor", ["x", "", "WzFd", "bnVsbA==", "WyIyMDI1LTAzLTMxIiwiYSIsIjEiXQ==", "\udcff"])
def test_a_cursor_of_something_else_is_refused(filled: Settings, cursor: str) -> None:
    """The third one is [1], then null, then a list with a text where the partition should be."""
    with pytest.raises(QueryError, match="the cursor must be the one that came with the page before"):
        kafka(Database(filled), FIRST, LAST, after=cursor)


def test_a_text_that_no_row_can_have_is_refused(filled: Settings) -> None:
    for topic in ("a\0b", "\udcff"):
        with pytest.raises(QueryError, match="topic must be a text in UTF-8 without NUL bytes"):
            kafka(Database(filled), FIRST, LAST, topic)


def test_before_the_first_run_there_are_no_rows(database: Database) -> None:
    for page in (
        health(database, FIRST, LAST),
        flow(database, FIRST, LAST),
        kafka(database, FIRST, LAST),
        statistics_of_range(database, FIRST, LAST),
    ):
        assert page.rows == []
        assert page.coverage is not None
        assert page.coverage.missing == [(FIRST, LAST)]


def typed(settings: Settings, question: str) -> Result:
    environment = {"ANALYTICS_HOME": str(settings.home), "ANALYTICS_DATABASE_URL": settings.database_url or ""}
    return CliRunner().invoke(main, f"query schedules {question}", env=environment)


def test_typed(filled: Settings) -> None:
    days = f"--from {FIRST} --to {LAST}"
    tiers = list(csv.DictReader(io.StringIO(typed(filled, f"health --from {LAST} --format csv").stdout)))
    assert [(row["tier"], row["failure_ratio"]) for row in tiers][2:] == [("redis", "0.0"), ("other", "")]
    answer = json.loads(typed(filled, f"flow {days} --format json").stdout)
    assert [row["tier_missing_count"] for row in answer["rows"]] == [1, 3]
    first = json.loads(typed(filled, f"kafka {days} --topic b --limit 4 --format json").stdout)
    second = json.loads(typed(filled, f"kafka {days} --topic b --limit 4 --after {first['next']} --format json").stdout)
    assert [(row["day"], row["kafka_partition"]) for row in first["rows"] + second["rows"]] == [
        (str(day), partition) for day in (FIRST, LAST) for partition in (-1, 2, 10)
    ]
    assert second["next"] is None
    shown = typed(filled, f"kafka {days} --limit 1")
    assert shown.stderr.startswith("more: --after ")
    assert len(shown.stdout.splitlines()) == 2


def test_a_table_is_empty_where_nothing_is_known(filled: Settings) -> None:
    """The first line is that of no partition, which has no skew; numbers stand right all the same."""
    lines = typed(filled, f"kafka --from {FIRST} --topic b").stdout.splitlines()
    assert lines[0].split()[5:] == ["skew_ratio", "first_offset", "last_offset"]
    assert [line.split()[5:] for line in lines[1:]] == [["5", "7"], ["1.0", "5", "7"], ["1.0", "5", "7"]]
    assert len({len(line.rstrip()) for line in lines}) == 1


def test_statistics_of_each_grain_as_typed(loaded: Settings) -> None:
    def rows(arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(typed(loaded, f"statistics {arguments} --format json").stdout)["rows"]
        return found

    days = f"--from {FIRST} --to {LAST}"
    assert [row["day"] for row in rows(days)] == [str(FIRST), str(LAST), str(LAST)]
    assert [row["attempt_count"] for row in rows(f"--grain range {days}")] == [5, 1]
    hours = rows(f"--grain 1h {days} --tier mongo")
    assert [row["bucket"] for row in hours] == ["2025-03-30T10:00:00Z", "2025-03-30T23:00:00Z", "2025-03-31T00:00:00Z"]
    again = rows(f"--grain 1h --from {hours[0]['bucket']} --to {hours[2]['bucket']}")
    assert again == hours[:2]
    part = typed(loaded, f"statistics --grain range --from {FIRST} --to {LAST}T10:00")
    assert (part.exit_code, part.stdout) == (2, "")
    assert "this grain needs whole days" in part.stderr
