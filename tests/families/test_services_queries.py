"""Questions about the streaming services, as they are typed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from commands import call, variables
from conftest import Server, settings_in
from events import DAY, Event, aggregate, event_id, load, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

PERFORMANCE: list[Event] = [
    {"service_id": "play", "operation": "start", "duration_ms": 100, "success": True},
    {"service_id": "play", "operation": "start", "duration_ms": 300, "success": False, "error_type": "timeout"},
    {"service_id": "search", "operation": "query", "success": False},
]
ACTIONS: list[Event] = [
    {"user_id": "ann", "action": "view", "session_id": "a", "success": True},
    {"user_id": "ann", "action": "purchase", "session_id": "a", "success": True},
    {"user_id": "bob", "action": "view", "session_id": "b", "success": True},
]
HAPPENED: list[Event] = [
    {"service_id": service, "event_type": "shown", "user_id": user, "metadata": {"app": "7"}, "tags": {}}
    for service, user in (("play", "ann"), ("play", "ann"), ("play", "bob"), ("search", "ann"))
]


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("queries"), server.clone(), DAY)
    tables: dict[str, list[Event]] = {
        "performance_events": PERFORMANCE, "user_behavior_events": ACTIONS, "service_events": HAPPENED,
    }  # fmt: skip
    database = Database(settings)
    for table, events in tables.items():
        dated = [
            {"event_id": event_id(number), "occurred_at": f"{DAY}T10:00:{number:02}Z", **event}
            for number, event in enumerate(events)
        ]
        write(settings, f"{table}/a.ndjson", dated)
        load(database, f"services.{table}", DAY)
    aggregate(database, DAY, DAY, ("day",), ["services"])
    yield settings
    server.drop(settings.database_url or "")


def asked(settings: Settings, question: str) -> dict[str, Any]:
    form = "" if question.startswith("dashboard") else " --format json"
    result = call(f"query services {question} --from {DAY}{form}", variables(settings))
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_errors_and_operations_of_all_services_and_of_one(loaded: Settings) -> None:
    errors = asked(loaded, "errors")["rows"]
    assert [(row["service_id"], row["error_type"], row["error_count"]) for row in errors] == [
        ("play", "timeout", 1), ("search", "", 1),
    ]  # fmt: skip
    assert [row["rank"] for row in asked(loaded, "errors --service search")["rows"]] == [1]
    operations = asked(loaded, "operations")["rows"]
    assert [(row["operation"], row["avg_duration_ms"], row["error_rate"]) for row in operations] == [
        ("start", 200, 0.5), ("query", None, 1),
    ]  # fmt: skip


def test_pages_of_users_go_on_where_they_ended(loaded: Settings) -> None:
    page = asked(loaded, "top-users --limit 1")
    rows = page["rows"]
    while page["next"]:
        page = asked(loaded, f"top-users --limit 1 --after {page['next']}")
        rows += page["rows"]
    assert [(row["service_id"], row["rank"], row["event_count"]) for row in rows] == [
        ("play", 1, 2), ("play", 2, 1), ("search", 1, 1),
    ]  # fmt: skip
    ann, bob, again = [row["user_id"] for row in rows]
    assert (ann == again, ann != bob, ann.startswith("user-")) == (True, True, True), "ann, bob, ann: no name is told"


def test_engagement_of_a_day(loaded: Settings) -> None:
    [row] = asked(loaded, "engagement")["rows"]
    assert (row["active_users_1d"], row["new_user_count"], row["session_count"]) == (2, 2, 2)
    assert (row["avg_session_ms"], row["bounce_ratio"], row["conversion_ratio"]) == (500, 0.5, 0.5)


def test_buckets_and_health_of_services(loaded: Settings) -> None:
    """Two operations of `play` and one of `search`, all within one minute."""
    names = ("service_id", "event_count", "error_rate", "avg_latency_ms", "p50_latency_ms")
    expected = [["play", 2, 0.5, 200, 200], ["search", 1, 1, None, None]]
    for grain in ("1m", "5m", "1h", "1d"):
        rows = asked(loaded, f"aggregations --grain {grain}")["rows"]
        assert [[row[name] for name in names] for row in rows] == expected, grain
        page = asked(loaded, f"aggregations --grain {grain} --limit 1")
        after = asked(loaded, f"aggregations --grain {grain} --limit 1 --after {page['next']}")
        assert page["rows"] + after["rows"] == rows
    [row] = asked(loaded, f"aggregations --service search --to {DAY}T11:00")["rows"]
    assert (row["bucket"], row["throughput"]) == (f"{DAY}T10:00:00Z", pytest.approx(1 / 3600))
    assert asked(loaded, f"aggregations --to {DAY}T10:00")["rows"] == []
    assert [(row["service_id"], row["status"]) for row in asked(loaded, "health")["rows"]] == [
        ("play", "unknown"), ("search", "unknown"),
    ]  # fmt: skip
    [row] = asked(loaded, "health --service play")["rows"]
    assert row["reason"] == "Only 2 events, 20 are needed."


def test_the_dashboard_is_one_value(loaded: Settings) -> None:
    found = asked(loaded, "dashboard --service play")
    assert list(found) == ["from", "to", "service_metrics", "top_errors", "top_users", "system_health", "missing"]
    [metrics] = found["service_metrics"]
    assert {name: metrics[name] for name in ("id", "timestamp", "period", "event_count", "avg_latency")} == {
        "id": f"play:1d:{DAY}T00:00Z", "timestamp": f"{DAY}T00:00:00Z", "period": "1d", "event_count": 2,
        "avg_latency": 200,
    }  # fmt: skip
    assert [(row["error_type"], row["error_count"]) for row in found["top_errors"]] == [("timeout", 1)]
    users = asked(loaded, "top-users --service play")["rows"]
    assert (found["top_users"], found["missing"]) == (users, [])
    assert [row["status"] for row in found["system_health"]] == ["unknown"]
    assert {row["service_id"] for row in asked(loaded, "dashboard")["service_metrics"]} == {"play", "search"}


def test_a_few_points_are_no_forecast_and_nothing_unusual(loaded: Settings) -> None:
    rows = asked(loaded, "forecasts --service play")["rows"]
    assert {(row["metric"], row["predicted_value"], row["service_id"]) for row in rows} == {
        ("event_count", None, "play")
    }
    assert asked(loaded, "anomalies")["rows"] == []
