"""Questions about schemas and operations, against rows put into tables and numbers worked out by hand."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from conftest import Server, settings_in
from events import Event, declared, put

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.usage import ALL_SCHEMAS
from analytics_etl.families.queries.usage_breakdowns import anomalies, anomalies_of_last_days, operations
from analytics_etl.families.queries.usage_schemas import health, liveness, top, top_of_days, trending
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.database import Database

A, B, C = UUID(int=10), UUID(int=11), UUID(int=12)
BEFORE, FIRST, LAST = date(2025, 3, 20), date(2025, 3, 30), date(2025, 3, 31)


def used(day: date, schema: UUID, count: int, errors: int, operation: str = "", region: str = "") -> Event:
    return {
        "day": day, "bucket": datetime(day.year, day.month, day.day, tzinfo=UTC), "schema_id": schema,
        "operation": operation, "region": region, "scope": "detail" if operation else "schema",
        "operation_count": count, "success_count": count - errors, "error_count": errors,
    }  # fmt: skip


DAYS = [
    used(BEFORE, A, 12, 0), used(BEFORE, C, 40, 0),
    used(FIRST, A, 10, 1), used(FIRST, C, 5, 0), used(LAST, A, 20, 2), used(LAST, B, 30, 0),
    used(FIRST, A, 6, 1, "read", "eu"), used(FIRST, A, 4, 0, "read", "us"), used(LAST, A, 20, 2, "read", "eu"),
    used(LAST, B, 29, 0, "read", "us"), used(LAST, B, 1, 0, "write", "us"), used(FIRST, C, 5, 0, "write", "eu"),
]  # fmt: skip
LATENCIES = [
    {"day": day, "operation": operation, "region": region, "latency_ms": latency, "operation_count": count,
     "success_count": successes}
    for day, operation, region, latency, count, successes in [
        (FIRST, "read", "eu", 10, 1, 1), (FIRST, "read", "us", 20, 1, 0), (FIRST, "write", "eu", 100, 2, 1),
        (LAST, "read", "eu", 30, 1, 1), (LAST, "read", "eu", 10, 1, 1),
    ]
]  # fmt: skip
LIVES = [
    {"day": day, "schema_id": UUID(int=number), "state": state, "first_seen_day": date(2025, 1, 1),
     "last_used_day": used_day, "days_since_use": None if used_day is None else (day - used_day).days}
    for day, number, state, used_day in [
        (LAST, 1, "active", LAST), (LAST, 2, "zombie", date(2024, 12, 1)), (LAST, 3, "zombie", None),
        (LAST, 4, "idle", date(2025, 3, 20)), (LAST, 5, "zombie", date(2024, 12, 1)),
        (LAST, 6, "stale", date(2025, 2, 1)), (FIRST, 2, "stale", date(2025, 2, 20)),
    ]
]  # fmt: skip
SCORES = [
    {"day": day, "schema_id": schema, "overall_score": score, "activity_score": 1.5, "is_zombie": False,
     "reason": None if score else "no operations", "recommendations": "Do this.\nAnd that." if score else None}
    for day, schema, score in [
        (FIRST, A, 80.0), (LAST, A, None), (LAST, B, 90.5), (LAST, C, 12.25), (LAST, UUID(int=9), None),
    ]
]  # fmt: skip
ANOMALIES = [
    {"day": at.date(), "bucket": at, "schema_id": schema, "metric": metric, "current_value": 0.5,
     "expected_value": 0.05, "deviation": 10.0, "severity": severity, "operation_count": 20, "error_count": 10,
     "description": "Errors."}
    for at, schema, metric, severity in [
        (datetime(2025, 3, 30, 23, tzinfo=UTC), ALL_SCHEMAS, "error_ratio", "critical"),
        (datetime(2025, 3, 31, 0, tzinfo=UTC), A, "error_ratio", "critical"),
        (datetime(2025, 3, 31, 0, tzinfo=UTC), A, "p95_latency_ms", "low"),
        (datetime(2025, 3, 31, 0, tzinfo=UTC), B, "error_ratio", "low"),
    ]
]  # fmt: skip


NAMES = [
    {"day": FIRST - timedelta(days=365), "schema_id": C, "schema_name": "forgotten"},
    {"day": FIRST, "schema_id": A, "schema_name": "orders"},
    {"day": LAST, "schema_id": A, "schema_name": "=cmd()\x1b[2J"},
    {"day": LAST + timedelta(days=1), "schema_id": A, "schema_name": "later"},
]


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("schemas"), server.clone(), FIRST)
    rows = {
        "schema_usage_1d": DAYS, "latency_distribution_daily": LATENCIES, "schema_liveness_daily": LIVES,
        "schema_health_daily": SCORES, "usage_anomalies_daily": ANOMALIES, "schema_names_daily": NAMES,
    }  # fmt: skip
    put(settings, {f"usage.{table}": given for table, given in rows.items()})
    for view in ("usage.top_schemas", "usage.trending_schemas"):
        publishing.refresh(Database(settings), declared().views[view])
    yield settings
    server.drop(settings.database_url or "")


def parts(page: Page, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in page.rows]


def pages(ask: Callable[[str | None], Page]) -> list[list[Any]]:
    """All pages of a question; of each the ids of its schemas."""
    found: list[list[Any]] = []
    after = None
    while not found or after:
        page = ask(after)
        found.append([row["schema_id"] for row in page.rows])
        after = page.next
    return found


def test_the_most_used_schemas_of_some_days(filled: Settings) -> None:
    """Of A and B, with 30 operations each, the smaller id comes first."""
    page = top_of_days(Database(filled), FIRST, LAST)
    assert parts(page, "rank", "schema_id", "operation", "operation_count", "error_count", "success_rate") == [
        (1, A, "", 30, 3, 0.9), (2, B, "", 30, 0, 1.0), (3, C, "", 5, 0, 1.0),
    ]  # fmt: skip
    assert parts(page, "first_day", "last_day") == [(FIRST, LAST)] * 3
    page = top_of_days(Database(filled), FIRST, LAST, "read")
    assert parts(page, "rank", "schema_id", "operation", "operation_count", "error_count") == [
        (1, A, "read", 30, 3), (2, B, "read", 29, 0),
    ]  # fmt: skip
    assert top_of_days(Database(filled), FIRST, LAST, "delete").rows == []
    assert pages(lambda after: top_of_days(Database(filled), FIRST, LAST, limit=2, after=after)) == [[A, B], [C]]


def test_the_most_used_schemas_of_the_last_days(filled: Settings) -> None:
    database = Database(filled)
    assert parts(top(database, 1), "rank", "schema_id", "operation_count") == [(1, B, 30), (2, A, 20)]
    assert parts(top(database, 30), "schema_id", "operation_count", "first_day", "last_day") == [
        (C, 45, date(2025, 3, 2), LAST), (A, 42, date(2025, 3, 2), LAST), (B, 30, date(2025, 3, 2), LAST),
    ]  # fmt: skip
    assert parts(top(database, 7, "write"), "schema_id", "operation_count") == [(C, 5), (B, 1)]
    assert pages(lambda after: top(database, 7, limit=1, after=after)) == [[A], [B], [C]]
    with pytest.raises(QueryError, match="the number of days must be 1, 7, 30, but is 2"):
        top(database, 2)
    with pytest.raises(QueryError, match=r"the operation must be one of read, .* is browse"):
        top(database, 7, "browse")


def test_trends_by_direction(filled: Settings) -> None:
    """In the week to 31 March against the one before: A 30 and 12, C 5 and 40, B 30 and none."""
    database, keys = (
        Database(filled),
        ("rank", "schema_id", "operation_count", "previous_operation_count", "growth_ratio"),
    )
    assert parts(trending(database), *keys) == [(1, A, 30, 12, 1.5)]
    assert parts(trending(database, "down"), *keys) == [(1, C, 5, 40, -0.875)]
    assert parts(trending(database, "new"), *keys) == [(1, B, 30, 0, None)]
    with pytest.raises(QueryError, match="the direction must be one of up, down, new"):
        trending(database, "sideways")  # type: ignore[arg-type]


def test_the_longest_unused_come_first(filled: Settings) -> None:
    database = Database(filled)
    page = liveness(database)
    assert parts(page, "rank", "schema_id", "state", "days_since_use") == [
        (1, UUID(int=3), "zombie", None), (2, UUID(int=2), "zombie", 120), (3, UUID(int=5), "zombie", 120),
        (4, UUID(int=6), "stale", 58), (5, UUID(int=4), "idle", 11), (6, UUID(int=1), "active", 0),
    ]  # fmt: skip
    assert parts(liveness(database, FIRST), "day", "schema_id", "state") == [(FIRST, UUID(int=2), "stale")]
    assert pages(lambda after: liveness(database, None, "zombie", 2, after)) == [
        [UUID(int=3), UUID(int=2)], [UUID(int=5)],
    ]  # fmt: skip
    assert liveness(database, date(2025, 3, 29)).rows == []


def test_the_lowest_score_comes_first_and_none_last(filled: Settings) -> None:
    database = Database(filled)
    assert parts(health(database), "day", "rank", "schema_id", "overall_score") == [
        (LAST, 1, C, 12.25), (LAST, 2, B, 90.5), (LAST, 3, UUID(int=9), None), (LAST, 4, A, None),
    ]  # fmt: skip
    of_a = health(database, FIRST, LAST, A)
    assert parts(of_a, "day", "rank", "overall_score", "reason") == [
        (FIRST, 1, 80.0, None), (LAST, 4, None, "no operations"),
    ]  # fmt: skip
    assert pages(lambda after: health(database, FIRST, LAST, limit=2, after=after)) == [
        [A, C], [B, UUID(int=9)], [A],
    ]  # fmt: skip


def test_anomalies_newest_first(filled: Settings) -> None:
    database = Database(filled)
    window = datetime(2025, 3, 30, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
    keys = ("bucket", "schema_id", "metric", "severity")
    newest_first = [tuple(row[key] for key in keys) for row in reversed(ANOMALIES)]
    assert parts(anomalies(database, *window), *keys) == newest_first
    assert pages(lambda after: anomalies(database, *window, limit=1, after=after)) == [[B], [A], [A], [ALL_SCHEMAS]]
    assert pages(lambda after: anomalies(database, *window, limit=3, after=after)) == [[B, A, A], [ALL_SCHEMAS]]
    assert parts(anomalies(database, *window, A), *keys) == newest_first[1:3]
    assert parts(anomalies(database, *window, severity="critical"), *keys) == newest_first[2:]
    assert parts(anomalies(database, window[0], datetime(2025, 3, 31, tzinfo=UTC)), *keys) == newest_first[3:]
    assert parts(anomalies_of_last_days(database, 1), *keys) == newest_first[:3]
    with pytest.raises(QueryError, match="the end must be after the start"):
        anomalies(database, window[1], window[0])


COUNTS = ("operation", "region", "operation_count", "error_count", "schema_count")
LATENCY = ("avg_latency_ms", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms")


def test_operations_of_days_together(filled: Settings) -> None:
    """Reads took 10, 10, 20 and 30 ms; of the two schemas that were read one was so on both days."""
    page = operations(Database(filled), FIRST, LAST)
    assert parts(page, *COUNTS) == [("read", "", 4, 1, 2), ("write", "", 2, 1, 2)]
    assert parts(page, "first_day", "last_day", "operation_ratio", "success_rate") == [
        (FIRST, LAST, 4 / 6, 0.75), (FIRST, LAST, 2 / 6, 0.5),
    ]  # fmt: skip
    assert parts(page, *LATENCY) == [
        (17.5, 15.0, pytest.approx(28.5), pytest.approx(29.7)), (100.0, 100.0, 100.0, 100.0),
    ]  # fmt: skip


def test_operations_of_each_day_and_region(filled: Settings) -> None:
    page = operations(Database(filled), FIRST, LAST, by_day=True, by_region=True)
    assert parts(page, "first_day", "last_day", *COUNTS) == [
        (FIRST, FIRST, "write", "eu", 2, 1, 1), (FIRST, FIRST, "read", "eu", 1, 0, 1),
        (FIRST, FIRST, "read", "us", 1, 1, 1), (LAST, LAST, "read", "eu", 2, 0, 1),
    ]  # fmt: skip
    assert parts(page, "operation_ratio") == [(0.5,), (0.25,), (0.25,), (1.0,)]
    assert parts(page, "p50_latency_ms") == [(100.0,), (10.0,), (20.0,), (20.0,)]


def typed(settings: Settings, question: str) -> Result:
    environment = {"ANALYTICS_HOME": str(settings.home), "ANALYTICS_DATABASE_URL": settings.database_url or ""}
    return CliRunner().invoke(main, f"query usage {question}", env=environment)


@pytest.mark.parametrize(
    ("question", "schemas"),
    [
        ("top --days 1", [B, A]),
        (f"top --from {FIRST} --to {LAST} --operation write", [C, B]),
        ("trending --direction new", [B]),
        ("liveness --state idle", [UUID(int=4)]),
        ("zombies --limit 1", [UUID(int=3)]),
        (f"health --from {FIRST}", [A]),
        (f"health --schema {C}", [C]),
        ("anomalies --days 2 --severity critical", [A, ALL_SCHEMAS]),
        ("anomalies --from 2025-03-31T00:00:00Z --to 2025-03-31T01:00+00:00", [B, A, A]),
    ],
)
def test_typed(filled: Settings, question: str, schemas: list[UUID]) -> None:
    answer = json.loads(typed(filled, f"{question} --format json").stdout)
    assert [row["schema_id"] for row in answer["rows"]] == [str(schema) for schema in schemas]
    csv = typed(filled, f"{question} --format csv")
    assert csv.exit_code == 0
    assert csv.stdout.startswith(",".join(answer["rows"][0]) + "\n")
    table = typed(filled, question)
    assert table.exit_code == 0
    assert table.stdout.splitlines()[0].split() == list(answer["rows"][0])


def test_a_table_says_all_where_a_row_is_about_all(filled: Settings) -> None:
    assert "(all)" in typed(filled, "anomalies --days 2").stdout
    assert typed(filled, f"operations --from {FIRST}").stdout.count("(all)") == 2
    assert "(all)" not in typed(filled, f"operations --from {FIRST} --by-region").stdout


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("top --to 2025-03-31", "--to needs --from"),
        ("health --to 2025-03-31", "--to needs --from"),
        ("anomalies --to 2025-03-31", "--to needs --from"),
        ("top --days 7 --from 2025-03-31", "--days and --from do not go together"),
        ("anomalies --days 7 --from 2025-03-31", "--days and --from do not go together"),
        ("operations --from 2025-03-31 --to 2025-03-30", "the last day must not be before the first"),
        ("zombies --after x", "the cursor must be the one that came with the page before"),
        ("trending --limit 0", "0 is not in the range"),
        ("statistics --from 2025-03-31 --detail", "name one, or ask for operations"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(filled: Settings, question: str, message: str) -> None:
    found = typed(filled, question)
    assert (found.exit_code, found.stdout) == (2, "")
    assert message in found.stderr


@pytest.mark.parametrize(
    ("question", "named"),
    [
        (f"top --from {FIRST} --to {FIRST}", {str(A): "orders"}),
        (f"top --from {FIRST} --to {LAST}", {str(A): "=cmd()\x1b[2J"}),
        (f"health --from {FIRST} --to {LAST}", {str(A): "=cmd()\x1b[2J"}),
        ("anomalies --days 2", {str(A): "=cmd()\x1b[2J"}),
    ],
)
def test_schemas_have_the_newest_name_of_the_days_asked_for(
    filled: Settings, question: str, named: dict[str, str]
) -> None:
    rows = json.loads(typed(filled, f"{question} --format json").stdout)["rows"]
    assert {row["schema_id"]: row["schema_name"] for row in rows if row["schema_name"]} == named
    assert list(rows[0]).index("schema_name") == list(rows[0]).index("schema_id") + 1


def test_a_hostile_name_does_nothing_to_terminals_and_spreadsheets(filled: Settings) -> None:
    question = f"top --from {FIRST} --to {LAST}"
    assert "'=cmd()" in typed(filled, f"{question} --format csv").stdout
    table = typed(filled, question).stdout
    assert "=cmd()" in table
    assert "\x1b" not in table
