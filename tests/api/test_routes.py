"""What routes answer, from rows put into tables, with numbers worked out by hand."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from conftest import Server, settings_in
from events import Event, declared, execute, put
from served import serving

from analytics_etl.families.queries.registry_details import COUNTED
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.database import Database

FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)
NONE: Event = {
    **dict.fromkeys(COUNTED, 0), "compilation_timed_count": 0, "total_compilation_duration_ms": 0,
    "download_cache_hit_count": 0, "download_cache_known_count": 0,
}  # fmt: skip
TABLES: dict[str, list[Event]] = {
    "registry.module_stats_daily": [
        {**NONE, "day": FIRST, "module_name": "a/b", "download_count": 3, "view_count": 1, "unique_users": 2},
        {**NONE, "day": FIRST, "module_name": "c", "download_count": 9},
        {**NONE, "day": LAST, "module_name": "c", "download_count": 1},
    ],
    "registry.version_stats_daily": [
        {"day": FIRST, "module_name": "a/b", "version": "1", "downloads": 1, "unique_users": 1},
        {"day": FIRST, "module_name": "a/b", "version": "2", "downloads": 2, "unique_users": 1},
    ],
    "registry.module_languages_daily": [
        {"day": FIRST, "module_name": "a/b", "language": "go", "compilation_count": 3, "compilation_success_count": 2},
        {"day": LAST, "module_name": "a/b", "language": "rust", "compilation_count": 1, "compilation_success_count": 1},
    ],
    "registry.org_stats_daily": [
        {"day": day, "organization_id": "o", "api_requests": 5, "downloads": 2, "compilations": 1, "active_users": 2,
         "storage_bytes": size, "modules_created": 1, "versions_created": 2}
        for day, size in ((FIRST, 10), (LAST, 30))
    ],
    "registry.module_health_daily": [
        {"day": FIRST, "module_name": "a/b", "version": "1", "overall_score": 90, "badge": "green"},
        {"day": LAST, "module_name": "a/b", "version": "2", "overall_score": 80, "badge": "green", "coverage_ratio": 1,
         "complexity_score": 75, "dependent_count": 2},
    ],
    "registry.module_health_changes_daily": [
        {"day": LAST, "module_name": "a/b", "version": "2", "overall_score": 80, "badge": "green",
         "previous_day": FIRST, "previous_version": "1", "change_reason": "version 1 to 2"},
    ],
    "registry.recommendations_daily": [
        {"day": FIRST, "module_name": "a/b", "recommendation_kind": "clean_up_deprecations",
         "recommendation": "Clean up."},
        *({"day": day, "module_name": "a/b", "recommendation_kind": "reduce_breaking_changes",
           "recommendation": "Break less.", "evidence": "A.x\nA.y"} for day in (FIRST, LAST)),
    ],
    "registry.module_catalog_daily": [
        {"day": day, "module_name": "a/b", "version": version, "registered_at": day}
        for day, version in ((FIRST, "1"), (LAST, "2"))
    ],
    "registry.version_consumers_daily": [
        {"day": LAST, "module_name": "a/b", "version": version, "organization_id": organization, "downloads": 3}
        for organization, version in (("acme", "1"), ("hooli", "2"))
    ],
    "registry.version_clients_daily": [
        {"day": LAST, "module_name": "a/b", "version": "1", "sdk": "go", "sdk_version": "1.2", "downloads": 3},
    ],
    "registry.deprecated_fields_daily": [
        {"day": LAST, "module_name": "a/b", "file_path": "a.proto", "element": "A.x", "entity": "A", "field": "x",
         "deprecated_since_day": FIRST},
    ],
    "registry.deprecated_users_daily": [
        {"day": LAST, "module_name": "a/b", "element": "A.x", "organization_id": "acme", "sdk": "go", "usage_count": 4},
    ],
    "registry.field_usage_daily": [
        {"day": LAST, "module_name": "a/b", "entity": "A", "field": "x", "service": "pay", "usage_count": 4},
    ],
    "registry.module_dependents_daily": [
        {"day": LAST, "module_name": "a/b", "imported_count": 0, "direct_dependent_count": 1, "dependent_count": 2,
         "direct_dependents": "c", "dependents": "c\nd"},
    ],
    "services.service_stats_1d": [
        {"day": LAST, "bucket": f"{LAST}T00:00:00Z", "service_id": "play", "event_count": 4, "success_count": 3,
         "error_count": 1, "success_rate": 0.75, "error_rate": 0.25, "throughput": 0.5, "timed_count": 4,
         "total_latency_ms": 40, "avg_latency_ms": 10, "p50_latency_ms": 9, "p95_latency_ms": 19, "p99_latency_ms": 20},
    ],
    "platform.tenant_overview_daily": [
        {"day": day, "tenant_id": "acme", "sample_count": 1} for day in (FIRST, LAST)
    ],
    "platform.service_gauges_1h": [
        {"day": LAST, "bucket": f"{LAST}T{hour}:00:00Z", "tenant_id": "", "service_id": service, "name": name,
         "unit": "percent", "sample_count": 2, "avg_value": hour, "last_value": 12}
        for hour, service, name in (
            (10, "play", "cpu_percent"), (10, "play", "disk_percent"), (11, "play", "cpu_percent"),
            (11, "search", "cpu_percent"),
        )
    ],
    "services.top_users_daily": [
        {"day": LAST, "service_id": "play", "rank": 1, "user_id": "ann", "event_count": 2, "event_share_ratio": 0.5,
         "last_seen_at": f"{LAST}T10:00:00Z"},
    ],
    "services.anomalies": [
        {"day": LAST, "series_id": "s1", "bucket": f"{LAST}T05:00:00Z", "metric": "error_ratio", "grain": "1h",
         "unit": "ratio", "entity": "play", "series_labels": "{}", "value": 0.5, "score": 0.9, "is_anomaly": True,
         "current_value": 0.5, "expected_value": 0.1, "deviation": 4.2, "severity": "medium",
         "sentence": "Many failed."},
    ],
    "services.forecasts": [
        {"day": LAST, "series_id": "s2", "steps": 7, "forecast_day": date(2025, 4, 7), "metric": "active_users",
         "unit": "count", "entity": "", "predicted_value": 98, "lower_80": 90, "upper_80": 1106, "lower_95": 80,
         "upper_95": 1200, "confidence_ratio": 0.8},
        {"day": LAST, "series_id": "s2", "steps": 1, "forecast_day": date(2025, 4, 1), "metric": "active_users",
         "unit": "count", "entity": "", "reason": "too few days"},
        {"day": LAST, "series_id": "s3", "steps": 1, "forecast_day": date(2025, 4, 1), "metric": "error_ratio",
         "unit": "ratio", "entity": "play", "predicted_value": 0.1, "lower_80": 0, "upper_80": 0.2},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("routes"), url)
    put(settings, TABLES)
    publishing.refresh(Database(settings), declared().views["registry.recommendations"])
    execute(url, "insert into ops.partitions (table_name, period_start, period_end, rows, code_version, duration_ms) "
                 "values ('registry.module_stats_daily', '2025-03-28', '2025-03-29', 0, 'v', 1)")  # fmt: skip
    execute(url, "insert into ops.days (table_name, day, state, is_final, final_from, rows) "
                 "select table_name, period_start, 'final', true, period_end, rows from ops.partitions "
                 "on conflict do nothing")  # fmt: skip
    with serving(settings) as client:
        yield client
    server.drop(url)


def asked(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_day_that_is_not_loaded_is_not_an_empty_one(client: httpx.Client) -> None:
    """The 29th is not loaded; on the others nothing happened to this module."""
    found = asked(client, "/api/v2/analytics/modules/x/stats?period=4d")
    assert [(row["day"], row["download_count"]) for row in found["series"]] == [
        ("2025-03-28", 0), ("2025-03-29", None), ("2025-03-30", 0), ("2025-03-31", 0),
    ]  # fmt: skip
    assert found["missing"] == [{"first": "2025-03-29", "last": "2025-03-29"}]
    assert (found["as_of"], found["is_final"]) == ("2025-04-01T00:00:00Z", True)


def test_one_module(client: httpx.Client) -> None:
    found = asked(client, "/api/v2/analytics/modules/a%2Fb/stats?period=2d")
    assert found["totals"] == {
        "view_count": 1, "download_count": 3, "failed_download_count": 0, "compilation_count": 0,
        "compilation_success_count": 0, "total_download_bytes": 0,
    }  # fmt: skip
    assert [(v["version"], v["downloads"], v["download_share_ratio"]) for v in found["versions"]] == [
        ("2", 2, 0.666666666666667), ("1", 1, 0.333333333333333),
    ]  # fmt: skip
    assert [(v["language"], v["compilation_count"], v["share_ratio"]) for v in found["languages"]] == [
        ("go", 3, 0.75), ("rust", 1, 0.25),
    ]  # fmt: skip
    by_version = asked(client, "/api/v2/analytics/modules/a%2Fb/downloads?period=2d&groupBy=version")
    assert by_version["rows"] == [{"group": "2", "downloads": 2}, {"group": "1", "downloads": 1}]
    by_client = asked(client, "/api/v2/analytics/modules/a%2Fb/downloads?period=2d&groupBy=client")
    assert by_client["rows"] == [{"group": "go 1.2", "downloads": 3}]
    by_day = asked(client, "/api/v2/analytics/modules/c/downloads?period=2d")
    assert by_day["rows"] == [{"group": "2025-03-30", "downloads": 9}, {"group": "2025-03-31", "downloads": 1}]


def test_the_health_of_a_module(client: httpx.Client) -> None:
    path = "/api/v2/analytics/modules/a%2Fb/health?period=2d"
    found = asked(client, f"{path}&version=2")
    assert (found["version"], found["score"], found["badge"]) == ("2", 80, "green")
    assert found["dependents"] == ["c", "d"]
    assert [(row["day"], row["change_reason"]) for row in found["history"]] == [
        (str(LAST), "version 1 to 2"), (str(FIRST), None),
    ]  # fmt: skip
    days = ("recommendation_kind", "first_seen_day", "last_seen_day", "evidence")
    assert [[row[key] for key in days] for row in found["recommendations"]] == [
        ["reduce_breaking_changes", str(FIRST), str(LAST), ["A.x", "A.y"]],
    ]
    assert [[row[key] for key in days] for row in found["closed_recommendations"]] == [
        ["clean_up_deprecations", str(FIRST), str(FIRST), []],
    ]
    behind = [(row["organization_id"], row["versions_behind"]) for row in found["organizations_behind"]]
    clients = [(row["sdk"], row["sdk_version"], row["versions_behind"]) for row in found["clients_behind"]]
    assert (behind, clients) == ([("acme", 1)], [("go", "1.2", 1)])
    assert found["users_of_deprecated"] == [
        {"element": "A.x", "deprecated_since_day": str(FIRST), "service": "pay", "usage_count": 4,
         "last_used_day": str(LAST)},
    ]  # fmt: skip
    assert found["consumers_of_deprecated"] == [
        {"element": "A.x", "organization_id": "acme", "sdk": "go", "usage_count": 4, "last_used_day": str(LAST)},
    ]
    assert found["parts"][:2] == [
        {"part": "complexity", "score": 75, "weight": 0.25}, {"part": "maintainability", "score": None, "weight": 0.35},
    ]  # fmt: skip
    other = client.get(f"{path}&version=1")
    assert (other.status_code, "version 2 is judged" in other.json()["detail"]) == (422, True)


def test_an_organization(client: httpx.Client) -> None:
    found = asked(client, "/api/v2/analytics/organizations/o/dashboard?period=2d")
    assert [found[name] for name in ("requests", "downloads", "compilations", "storage_bytes", "modules_created")] == [
        10, 4, 2, 30, 2,
    ]  # fmt: skip
    assert [day["active_users"] for day in found["days"]] == [2, 2]
    assert asked(client, "/api/v2/analytics/organizations/acme/dashboard?period=2d")["top_modules"] == [
        {"module_name": "a/b", "downloads": 3, "version_count": 1, "last_download_day": str(LAST)},
    ]  # fmt: skip


def test_an_answer_that_is_computed_as_a_whole_has_pages_if_they_are_wanted(client: httpx.Client) -> None:
    path = "/api/v2/analytics/modules/a%2Fb/stats?period=2d"
    whole = asked(client, path)
    first = asked(client, f"{path}&limit=1")
    second = asked(client, f"{path}&limit=1&cursor={first['next_cursor']}")
    assert (whole["next_cursor"], second["next_cursor"]) == (None, None)
    assert [*first["series"], *second["series"]] == whole["series"]
    assert first["totals"] == whole["totals"]
    assert client.get(f"{path}&cursor=x").status_code == 422


def test_a_dashboard_is_about_the_days_that_are_asked_for(client: httpx.Client) -> None:
    path = "/analytics/dashboard"
    for days, found in {
        f"from={FIRST}&to={FIRST}": [FIRST], f"from={FIRST}&to={LAST}": [FIRST, LAST], f"from={LAST}": [LAST],
    }.items():  # fmt: skip
        rows = asked(client, f"{path}?{days}")["engagement"]
        assert [row["day"] for row in rows] == [str(day) for day in found], days
    for wrong in (f"from={LAST}&to={FIRST}", "from=1970-01-01&to=2025-03-31", "from=x"):
        assert client.get(f"{path}?{wrong}").status_code == 422, wrong


def test_a_service(client: httpx.Client) -> None:
    found = asked(client, "/api/v1/analytics/dashboard?service_id=play")
    assert found["service_metrics"] == [{
        "id": "play:1d:2025-03-31T00:00Z", "timestamp": "2025-03-31T00:00:00Z", "service_id": "play", "period": "1d",
        "event_count": 4, "error_count": 1, "error_rate": 0.25, "success_rate": 0.75, "throughput": 0.5,
        "avg_latency": 10, "p50_latency": 9, "p95_latency": 19, "p99_latency": 20,
    }]  # fmt: skip
    assert [user["event_count"] for user in found["top_users"]] == [2]
    assert "ann" not in str(found)


def test_the_gauges_of_a_service(client: httpx.Client) -> None:
    path = "/api/v1/analytics/metrics?service_id=play&name=cpu_percent&limit=1"
    first = asked(client, path)
    second = asked(client, f"{path}&cursor={first['next_cursor']}")
    rows = [*first["rows"], *second["rows"]]
    names = ("bucket", "name", "avg_value", "last_value", "min_value")
    assert [[row[name] for name in names] for row in rows] == [
        ["2025-03-31T10:00:00Z", "cpu_percent", 10, 12, None], ["2025-03-31T11:00:00Z", "cpu_percent", 11, 12, None],
    ]  # fmt: skip
    assert second["next_cursor"] is None
    assert len(asked(client, "/api/v1/analytics/metrics?service_id=play")["rows"]) == 3


def test_what_is_unusual_and_what_is_expected_of_services(client: httpx.Client) -> None:
    found = asked(client, "/api/v1/analytics/anomalies?service_id=play")
    assert (found["as_of"], found["rows"]) == ("2025-04-01T00:00:00Z", [{
        "id": "s1:2025-03-31T05:00Z", "timestamp": "2025-03-31T05:00:00Z", "service_id": "play", "period": "1h",
        "metric_name": "error_ratio", "current_value": 0.5, "expected_value": 0.1, "deviation": 4.2,
        "severity": "medium", "description": "Many failed.",
    }])  # fmt: skip
    assert asked(client, "/api/v1/analytics/anomalies?service_id=other")["rows"] == []
    tomorrow, in_a_week, _ = asked(client, "/api/v1/analytics/predictions")["rows"]
    assert in_a_week == {
        "id": "s2:2025-03-31:7d", "timestamp": "2025-03-31", "service_id": "", "prediction_type": "active_users",
        "unit": "count", "predicted_value": 98, "lower_value": 90, "upper_value": 1106, "confidence": 0.8,
        "time_horizon": "7d", "forecast_day": "2025-04-07", "recommendation": "Reckon with 90 to 1,106 (count).",
    }  # fmt: skip
    assert (tomorrow["predicted_value"], tomorrow["recommendation"]) == (None, "too few days")
    [of_play] = asked(client, "/api/v1/analytics/predictions?service_id=play")["rows"]
    assert [of_play[name] for name in ("service_id", "prediction_type", "predicted_value")] == [
        "play", "error_ratio", 0.1,
    ]  # fmt: skip
