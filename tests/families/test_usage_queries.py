"""Questions about schema usage, as a library and as they are typed."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from commands import variables
from conftest import Server, settings_in
from events import aggregate, ask, load, write

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.usage import EventFilter, events, events_between, statistics
from analytics_etl.families.queries.written import portable_value
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.postgres.database import Database

A, B = UUID(int=10), UUID(int=11)
FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)


def event(number: int, at: str, **changes: object) -> dict[str, Any]:
    return {
        "event_id": str(UUID(int=number)), "occurred_at": at, "schema_id": str(A), "operation": "read",
        "service": "api", "region": "eu", "latency_ms": 10, "success": True, **changes,
    }  # fmt: skip


EVENTS = [
    event(1, "2025-03-30T10:00:00Z", latency_ms=5),
    event(2, "2025-03-31T10:00:00Z", latency_ms=10),
    event(3, "2025-03-31T10:00:30Z", latency_ms=20, success=False, error_message="[red]no[/]"),
    event(4, "2025-03-31T10:04:59Z", latency_ms=30, region="us"),
    event(5, "2025-03-31T10:05:00Z", latency_ms=100, operation="write", service="web"),
    event(6, "2025-03-31T10:05:00Z", latency_ms=7, schema_id=str(B)),
    event(7, "2025-03-31T11:00:00Z", latency_ms=8),
]


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("queries"), server.clone(), FIRST)
    write(settings, "schema_usage_events/a.ndjson", EVENTS)
    database = Database(settings)
    load(database, "usage.schema_usage_events", FIRST, LAST)
    aggregate(database, FIRST, LAST, ("day",), ["usage"])
    yield settings
    server.drop(settings.database_url or "")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-03-{text}+00:00")


def brief(rows: Any) -> list[tuple[Any, ...]]:
    """(bucket, operations, errors, p50) of each row."""
    return [(r["bucket"], r["operation_count"], r["error_count"], r["p50_latency_ms"]) for r in rows]


def test_statistics_of_all_schemas_in_each_grain(loaded: Settings) -> None:
    database = Database(loaded)
    window = at("31T10:00"), at("31T11:00")
    # 10 and 20; 30; 100 and 7 | 10, 20, 30; 100 and 7 | 7, 10, 20, 30, 100 | and 8
    assert brief(statistics(database, "1m", *window).rows) == [
        (at("31T10:00"), 2, 1, 15.0), (at("31T10:04"), 1, 0, 30.0), (at("31T10:05"), 2, 0, 53.5),
    ]  # fmt: skip
    assert brief(statistics(database, "5m", *window).rows) == [
        (at("31T10:00"), 3, 1, 20.0), (at("31T10:05"), 2, 0, 53.5),
    ]  # fmt: skip
    assert brief(statistics(database, "1h", *window).rows) == [(at("31T10:00"), 5, 1, 20.0)]
    assert brief(statistics(database, "1d", at("30T00:00"), at("31T00:00")).rows) == [(at("30T00:00"), 1, 0, 5.0)]
    assert len(statistics(database, "1d", at("30T00:00"), at("31T00:01")).rows) == 2


def test_statistics_of_a_schema_as_a_whole_and_in_detail(loaded: Settings) -> None:
    database = Database(loaded)
    whole = statistics(database, "1d", at("31T00:00"), at("31T23:59"), A).rows
    assert brief(whole) == [(at("31T00:00"), 5, 1, 20.0)]
    rows = statistics(database, "1d", at("31T00:00"), at("31T23:59"), A, detail=True).rows
    assert [(r["operation"], r["region"], r["operation_count"], r["p95_latency_ms"]) for r in rows] == [
        ("read", "eu", 3, 19.0), ("read", "us", 1, 30.0), ("write", "eu", 1, 100.0),
    ]  # fmt: skip


def test_times_of_other_zones_are_taken_as_the_moments_they_are(loaded: Settings) -> None:
    tokyo = datetime.fromisoformat("2025-03-31T19:00:00+09:00")
    assert brief(statistics(Database(loaded), "1h", tokyo, tokyo + timedelta(hours=1)).rows)[0][0] == at("31T10:00")
    naive = datetime(2025, 3, 31, 10, tzinfo=UTC).replace(tzinfo=None)
    assert len(statistics(Database(loaded), "1h", naive, naive + timedelta(hours=1)).rows) == 1


def numbers(rows: Any) -> list[int]:
    return [row["event_id"].int for row in rows]


@pytest.mark.parametrize(
    ("days", "wanted", "expected"),
    [
        (1, {}, [7, 6, 5, 4, 3, 2]),
        (2, {}, [7, 6, 5, 4, 3, 2, 1]),
        (9, {"schema_id": B}, [6]),
        (1, {"operation": "write"}, [5]),
        (1, {"service": "web"}, [5]),
        (1, {"region": "us"}, [4]),
        (2, {"success": False}, [3]),
        (10_000_000, {"success": False}, [3]),
        (1, {"success": True, "operation": "read", "region": "eu", "schema_id": A}, [7, 2]),
        (1, {"service": "' or '1' = '1"}, []),
    ],
)
def test_events_that_are_wanted_newest_first(
    loaded: Settings, days: int, wanted: dict[str, Any], expected: list[int]
) -> None:
    page = events(Database(loaded), days, EventFilter(**wanted))
    assert (numbers(page.rows), page.next) == (expected, None)


def test_events_from_a_moment_to_another(loaded: Settings) -> None:
    page = events_between(Database(loaded), at("31T10:00:30"), at("31T10:05"), EventFilter(schema_id=A))
    assert (numbers(page.rows), page.next) == ([4, 3], None)
    page = events_between(Database(loaded), at("30T00:00"), at("31T11:00"), limit=5)
    assert (numbers(page.rows), page.next) == ([6, 5, 4, 3, 2], f"2025-03-31T10:00:00Z,{UUID(int=2)}")


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_pages_follow_one_another_also_within_one_moment(loaded: Settings, limit: int) -> None:
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = events(Database(loaded), 2, limit=limit, after=cursor)
        found += numbers(page.rows)
        cursor, pages = page.next, pages + 1
    assert found == [7, 6, 5, 4, 3, 2, 1]
    assert pages == -(-7 // limit)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            lambda w: statistics(
                w,
                "2m",  # type: ignore[arg-type]
                at("31T10:00"),
                at("31T11:00"),
            ),
            "must be one of 1m, 5m, 1h, 1d, but is 2m",
        ),
        (lambda w: statistics(w, "1m", at("31T10:00"), at("31T10:00")), "the end must be after the start"),
        (lambda w: statistics(w, "1m", at("31T10:00"), at("31T11:00"), detail=True), "name one"),
        (lambda w: events(w, 0), "the number of days must be 1 or more, but is 0"),
        (lambda w: events_between(w, at("31T10:00"), at("31T10:00")), "the end must be after the start"),
        (lambda w: events(w, 1, limit=10_001), "the limit must be 1 to 10,000, but is 10001"),
        (lambda w: events(w, 1, EventFilter(operation="browse")), "the operation must be one of read, .* is browse"),
        (lambda w: events(w, 1, after="yesterday"), "the cursor must be the one .* but is 'yesterday'"),
    ],
)
def test_a_question_that_cannot_be_asked_so(loaded: Settings, question: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        question(Database(loaded))


def test_nothing_is_loaded_yet(database: Database) -> None:
    assert events(database, 1).rows == statistics(database, "1m", at("31T10:00"), at("31T11:00")).rows == []


def call(settings: Settings, arguments: str) -> Result:
    assert settings.database_url is not None
    return CliRunner().invoke(main, f"query usage {arguments}", env=variables(settings))


def test_json_gives_the_next_page(loaded: Settings) -> None:
    first = json.loads(call(loaded, "events --days 2 --limit 5 --format json").stdout)
    assert first["rows"][4] == {
        "occurred_at": "2025-03-31T10:00:30Z", "event_id": str(UUID(int=3)), "schema_id": str(A), "schema_name": None,
        "operation": "read", "service": "api", "region": "eu", "latency_ms": 20, "success": False,
        "error_message": "[red]no[/]", "revision": None,
    }  # fmt: skip
    second = json.loads(call(loaded, f"events --days 2 --limit 5 --format json --after {first['next']}").stdout)
    assert [row["event_id"] for row in second["rows"]] == [str(UUID(int=2)), str(UUID(int=1))]
    assert second["next"] is None


def test_a_day_named_as_the_end_is_included_and_a_moment_is_not(loaded: Settings) -> None:
    def buckets(arguments: str) -> list[str]:
        rows = json.loads(call(loaded, f"statistics --format json {arguments}").stdout)["rows"]
        return [row["bucket"] for row in rows]

    first, last = "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z"
    assert buckets("--grain 1d --from 2025-03-30 --to 2025-03-31") == [first, last]
    assert buckets("--grain 1d --from 2025-03-30 --to 2025-03-30") == [first]
    assert buckets("--grain 1d --from 2025-03-30 --to 2025-03-31T00:00") == [first]
    assert buckets("--grain 1d --from 2025-03-31") == [last]

    def found(arguments: str) -> list[int]:
        rows = json.loads(call(loaded, f"events --format json {arguments}").stdout)["rows"]
        return [UUID(row["event_id"]).int for row in rows]

    assert found("--from 2025-03-30") == [1]
    assert found("--from 2025-03-30 --to 2025-03-31 --failed-only") == [3]
    assert found("--from 2025-03-31T10:00:30 --to 2025-03-31T10:05") == [4, 3]
    assert found("--days 2 --success-only --operation write") == [5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--to 2025-03-31", "--to needs --from"),
        ("--days 1 --from 2025-03-31", "--days and --from do not go together"),
        ("--from 2025-03-31 --to 2025-03-30", "--to 2025-03-30 is before --from 2025-03-31"),
    ],
)
def test_a_range_that_makes_no_sense(loaded: Settings, arguments: str, message: str) -> None:
    result = call(loaded, f"events {arguments}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_numbers_have_the_digits_that_mean_something() -> None:
    numbers = (12.300000000000001, 0.1 + 0.2, 20.0, 1 / 3, 9007199254740991.0, 7, None, True)
    assert [portable_value(number) for number in numbers] == [
        12.3, 0.3, 20.0, 0.333333333333333, 9007199254740991.0, 7, None, True,
    ]  # fmt: skip


def test_the_examples_of_the_help_are_about_schemas_and_schedules_of_any_demo(tmp_path: Path) -> None:
    options = SampleOptions(last_day=LAST, days=1, families=("usage", "schedules"), file_format="ndjson")
    made = "".join(path.read_text() for path in write_sample(tmp_path, options))
    usage, schedules = (main.commands["query"].commands[name] for name in ("usage", "schedules"))  # type: ignore[attr-defined]
    shown = (usage.commands["statistics"].help, usage.help, schedules.commands["performance"].help)
    words = [word for text in shown for word in re.findall(r"--schema (\S+)|performance (\S+) --from", text)]
    assert len(words) == 3
    assert all(f'"{a or b}"' in made for a, b in words)


def test_csv_reads_back(loaded: Settings) -> None:
    result = call(
        loaded, f"statistics --grain 5m --from 2025-03-31T10:00 --to 2025-03-31T11:00 --schema {A} --format csv"
    )
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["bucket"], row["operation_count"], row["p50_latency_ms"]) for row in rows] == [
        ("2025-03-31T10:00:00Z", "3", "20.0"), ("2025-03-31T10:05:00Z", "1", "100.0"),
    ]  # fmt: skip


def test_a_table_shows_what_is_there_and_how_to_go_on(loaded: Settings) -> None:
    result = call(loaded, "events --limit 5")
    lines = result.stdout.splitlines()
    assert {line.split()[7] for line in lines[1:]} == {"yes", "no"}
    assert lines[0].split() == [
        *("occurred_at", "event_id", "schema_id", "schema_name", "operation", "service", "region", "latency_ms"),
        *("success", "error_message", "revision"),
    ]
    assert "[red]no[/]" in result.stdout
    assert result.stderr.strip() == f"more: --after 2025-03-31T10:00:30Z,{UUID(int=3)}"
    assert call(loaded, "events --region nowhere").stdout == "no rows\n"
    day = call(loaded, "statistics --from 2025-03-31")
    assert [line.split()[:5] for line in day.stdout.splitlines()[1:]] == [
        ["2025-03-31T10:00:00Z", "(all)", "(all)", "(all)", "5"],
        ["2025-03-31T11:00:00Z", "(all)", "(all)", "(all)", "1"],
    ]
    detail = call(loaded, f"statistics --grain 1d --from 2025-03-31 --schema {A} --detail").stdout.splitlines()
    assert detail[1].split()[:4] == ["2025-03-31T00:00:00Z", str(A), "read", "eu"]


def test_mistakes_are_told_and_help_teaches(loaded: Settings) -> None:
    wrong = call(loaded, "statistics --from 2025-03-31 --detail")
    assert wrong.exit_code == 2
    assert "rows for each operation and region are those of one schema: name one" in wrong.stderr
    for command in ("statistics", "events"):
        shown = call(loaded, f"{command} --help").stdout
        assert f"analytics-etl query usage {command} --" in shown


def test_questions_change_nothing(loaded: Settings) -> None:
    before = ask(loaded.database_url, "select count(*) as n, max(updated_at) as at from ops.partitions")
    call(loaded, "events")
    assert ask(loaded.database_url, "select count(*) as n, max(updated_at) as at from ops.partitions") == before


@pytest.fixture(scope="module")
def named(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Schemas 20 and 21 are both called shared.v1, 22 was orders.v1 and is orders.v2 since, 10 has no name."""
    settings = settings_in(tmp_path_factory.mktemp("named"), server.clone(), FIRST)
    called = [
        (1, "30", 20, "shared.v1"), (2, "30", 21, "shared.v1"), (3, "30", 22, "orders.v1"), (4, "31", 22, "orders.v2"),
        (5, "31", 20, "shared.v1"), (6, "31", 10, None),
    ]  # fmt: skip
    events = [
        event(number, f"2025-03-{day}T10:00:00Z", schema_id=str(UUID(int=schema)), schema_name=name)
        for number, day, schema, name in called
    ]
    write(settings, "schema_usage_events/a.ndjson", events)
    database = Database(settings)
    load(database, "usage.schema_usage_events", FIRST, LAST)
    aggregate(database, FIRST, LAST, ("day",), ["usage"])
    yield settings
    server.drop(settings.database_url or "")


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("statistics --grain 1d --from 2025-03-30 --to 2025-03-31", 2),
        ("statistics --grain 1d --from 2025-03-30 --to 2025-03-31 --detail", 2),
        ("events --days 2", 2),
        ("events --from 2025-03-30", 1),
        ("health --from 2025-03-30 --to 2025-03-31", 2),
        ("anomalies --days 2", 0),
        ("anomalies --from 2025-03-30", 0),
    ],
)
def test_a_schema_is_named_by_its_id_or_its_newest_name(named: Settings, question: str, rows: int) -> None:
    by_name, by_id, unknown, several = (
        call(named, f"{question} --format json --schema {schema}")
        for schema in ("orders.v2", str(UUID(int=22)), "orders.v1", "shared.v1")
    )
    assert (by_name.exit_code, by_id.exit_code) == (0, 0), by_name.output
    assert json.loads(by_name.stdout) == json.loads(by_id.stdout)
    assert len(json.loads(by_name.stdout)["rows"]) == rows
    assert (unknown.exit_code, several.exit_code) == (2, 2)
    assert "no schema is called orders.v1: did you mean orders.v2" in unknown.stderr
    said = f"2 schemas are called shared.v1, name one by its id: {UUID(int=20)}, {UUID(int=21)}"
    assert said in several.stderr


def test_names_where_there_are_none(loaded: Settings, named: Settings) -> None:
    assert "no schema is called x: none has a name, give an id (a UUID)" in call(loaded, "events --schema x").stderr
    assert "no schema is called 4711: none is called anything like it" in call(named, "events --schema 4711").stderr
