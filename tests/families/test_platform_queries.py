"""Questions about the platform, as they are typed: a day through landing, aggregates and queries."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from commands import call, variables
from conftest import Server, settings_in
from events import DAY, Event, aggregate, event_id, load, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

TOTAL = {"name": "reads_total", "type": "counter", "category": "performance", "labels": {"temporality": "cumulative"}}
SAMPLES: list[Event] = [
    {**TOTAL, "value": 100},
    {**TOTAL, "value": 130},
    {**TOTAL, "value": 4},
    {"name": "cpu_percent", "type": "gauge", "category": "system", "value": 96, "unit": "percent",
     "labels": {"service_id": "web"}},
    {"name": "revenue", "type": "counter", "category": "business", "value": 20, "unit": "EUR", "labels": {},
     "tenant_id": "acme"},
    {"name": "revenue", "type": "counter", "category": "business", "value": 5, "unit": "EUR", "labels": {},
     "tenant_id": "acme", "user_id": "ann"},
    {"name": "revenue", "type": "counter", "category": "business", "value": 7, "unit": "USD", "labels": {},
     "tenant_id": "globex"},
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("queries"), server.clone(), DAY)
    dated = [
        {"event_id": event_id(number), "recorded_at": f"{DAY}T10:00:{number:02}Z", **event}
        for number, event in enumerate(SAMPLES)
    ]
    write(settings, "metric_samples/a.ndjson", dated)
    load(Database(settings), "platform.metric_samples", DAY)
    aggregate(Database(settings), DAY, DAY, ("day",), ["platform"])
    yield settings
    server.drop(settings.database_url or "")


def asked(settings: Settings, question: str) -> dict[str, Any]:
    form = "" if question.startswith("dashboard") else " --format json"
    result = call(f"query platform {question} --from {DAY}{form}", variables(settings))
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_samples_of_tenants_and_of_the_platform(loaded: Settings) -> None:
    rows = asked(loaded, "latest revenue")["rows"]
    assert [(row["tenant_id"], row["unit"], row["value"]) for row in rows] == [("globex", "USD", 7), ("acme", "EUR", 5)]
    assert [row["value"] for row in asked(loaded, "latest revenue --tenant acme")["rows"]] == [5]
    assert asked(loaded, "latest revenue --platform")["rows"] == []
    [row] = asked(loaded, "aggregated reads_total --platform")["rows"]
    assert (row["increase"], row["reset_count"], row["labels"]) == (34, 1, {"temporality": "cumulative"})
    [row] = asked(loaded, "aggregated revenue --tenant acme --grain 1d")["rows"]
    assert (row["increase"], row["sample_count"], row["p50_value"]) == (25, 2, 12.5)
    assert [(row["unit"], row["increase"]) for row in asked(loaded, "category business")["rows"]] == [
        ("EUR", 25), ("USD", 7)
    ]  # fmt: skip
    [row] = asked(loaded, "health")["rows"]
    assert (row["service_id"], row["status"], row["tenant_id"]) == ("web", "critical", "")


@pytest.mark.parametrize("question", ["latest revenue", "category performance", "health"])
def test_pages_go_on_where_they_ended(loaded: Settings, question: str) -> None:
    whole = asked(loaded, question)["rows"]
    page = asked(loaded, f"{question} --limit 1")
    rows = page["rows"]
    while page["next"]:
        page = asked(loaded, f"{question} --limit 1 --after {page['next']}")
        rows += page["rows"]
    assert rows == whole
    assert len(rows) == (2 if question == "latest revenue" else 1)


def test_the_gauges_and_the_size_of_the_lake(loaded: Settings) -> None:
    [row] = asked(loaded, "gauges --service web --grain 1d")["rows"]
    assert (row["name"], row["unit"], row["avg_value"], row["last_value"]) == ("cpu_percent", "percent", 96, 96)
    assert asked(loaded, "gauges --gauge disk_percent")["rows"] == []
    assert asked(loaded, "gauges --tenant acme")["rows"] == []
    shown = json.loads(call(f"query platform capacity {DAY} --format json", variables(loaded)).stdout)["rows"]
    sizes = {row["table_name"]: row["row_count"] for row in shown}
    assert sizes["platform.metric_samples"] == len(SAMPLES)
    assert sizes[""] == sum(count for table, count in sizes.items() if table), "all together"


def test_the_dashboard_is_one_value(loaded: Settings) -> None:
    found = asked(loaded, "dashboard --tenant acme --metric revenue --metric cpu_percent")
    assert {**found, "metrics": None, "business": None, "engagement": None} == {
        "tenant": "acme", "from": str(DAY), "to": str(DAY), "health": [], "business": None, "engagement": None,
        "metrics": None, "missing": [],
    }  # fmt: skip
    assert [(row["unit"], row["total_value"]) for row in found["business"]] == [("EUR", 25)]
    assert [(row["active_users"], row["sample_count"]) for row in found["engagement"]] == [(1, 2)]
    assert {name: len(rows) for name, rows in found["metrics"].items()} == {"revenue": 1, "cpu_percent": 0}


def test_a_session_of_a_tenant_gets_its_own_rows_from_the_same_questions(loaded: Settings) -> None:
    with Database(loaded).transaction() as connection:
        connection.execute("select set_config('analytics.tenant', 'acme', true)")
        connection.execute("set local role analytics_tenant")
        for table, rows in {"metric_samples": 2, "metric_1d": 1, "metric_1h": 1, "tenant_overview_daily": 1}.items():
            found = connection.execute(f"select tenant_id from platform.{table}".encode()).fetchall()
            assert found == [("acme",)] * rows
