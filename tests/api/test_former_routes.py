"""The routes of the former systems: each is there, with the fields that its clients read."""

from typing import Any

import pytest
from conftest import settings_in

from analytics_etl.api.app import application

REGISTRY, USAGE, SCHEDULES = "/api/v2/analytics", "/api/v1/usage", "/api/v1/schedule-analytics"
PLATFORM, SERVICES, PIPELINE = "/analytics", "/api/v1/analytics", "/api/v1/pipeline"
ALERT = (
    "id name description severity status metricName condition currentValue tenantId userId createdAt acknowledgedAt "
    "acknowledgedBy resolvedAt updatedAt"
)
READ = {
    f"{REGISTRY}/overview": "modules versions total_downloads_30d active_users_7d download_cache_hit_rate "
    "compilation_cache_hit_rate error_ratio previous",
    f"{REGISTRY}/modules/popular": "rank module_name downloads views unique_users",
    f"{REGISTRY}/modules/trending": "growth current previous",
    f"{REGISTRY}/modules/{{name}}/stats": "totals series versions languages organizations",
    f"{REGISTRY}/modules/{{name}}/downloads": "group downloads",
    f"{REGISTRY}/modules/{{name}}/health": "score badge parts recommendations history unused_fields deprecated_fields "
    "breaking_changes dependents",
    f"{REGISTRY}/performance/compilation": "compilation_count success_count p50_duration_ms p95_duration_ms "
    "p99_duration_ms cache_hit_count first_day",
    f"{REGISTRY}/languages": "language compilation_share_ratio p95_duration_ms",
    f"{REGISTRY}/organizations/{{organization_id}}/dashboard": "requests downloads compilations active_users "
    "storage_bytes modules_created versions_created top_modules",
    **{f"{USAGE}/{path}": "" for path in (
        "stats", "events", "top", "trending", "schemas/{schema_id}", "schemas/{schema_id}/health", "zombies",
        "anomalies", "reports/{cadence}/{day}", "regions",
    )},
    **{f"{SCHEDULES}/{path}": "" for path in (
        "schedule/{schedule_id}", "time-range", "level/{level}", "event-type/{event_type}", "stats", "errors/patterns",
        "performance/schedule/{schedule_id}", "health/system",
    )},
    **{f"{PLATFORM}/{path}": "" for path in (
        "health", "business", "engagement", "metrics/{category}", "metrics/latest/{name}", "metrics/aggregated/{name}",
        "aggregation/status",
    )},
    f"{PLATFORM}/alerts": ALERT, f"{PLATFORM}/alerts/{{alert_id}}": ALERT,
    f"{PLATFORM}/alerts/{{alert_id}}/history": "",
    f"{PLATFORM}/dashboard": "health business engagement metrics",
    f"{SERVICES}/aggregations": "id timestamp service_id period event_count avg_latency p50_latency p95_latency",
    f"{SERVICES}/anomalies": "id timestamp service_id metric_name current_value expected_value deviation severity "
    "description",
    f"{SERVICES}/predictions": "id timestamp service_id prediction_type predicted_value confidence time_horizon "
    "recommendation",
    f"{SERVICES}/dashboard": "service_metrics top_errors top_users system_health",
    **{f"{PIPELINE}/{path}": "" for path in ("days", "runs", "checks", "changes", "exports", "metrics")},
    f"{PIPELINE}/tables": "columns description reads owners size_bytes",
}  # fmt: skip
"""{path: the fields that its old documents, and API.md, show}."""
PARAMETERS = {
    f"{REGISTRY}/modules/popular": "period limit cursor format", f"{REGISTRY}/modules/{{name}}/stats": "period limit",
    f"{REGISTRY}/modules/{{name}}/downloads": "period groupBy", f"{REGISTRY}/modules/{{name}}/health": "version",
    f"{USAGE}/stats": "grain from to schema_id", f"{USAGE}/top": "operation period",
    f"{USAGE}/events": "last_days operation region service success limit cursor", f"{USAGE}/anomalies": "hours",
    f"{SCHEDULES}/time-range": "start end", f"{PLATFORM}/alerts": "status severity",
    f"{PLATFORM}/dashboard": "tenant from to metrics", f"{SERVICES}/aggregations": "service_id period",
    f"{SERVICES}/anomalies": "service_id limit", f"{SERVICES}/predictions": "service_id limit",
    f"{SERVICES}/dashboard": "service_id", f"{PLATFORM}/metrics/aggregated/{{name}}": "interval",
}  # fmt: skip
CHANGED = {
    "post": [
        f"{USAGE}/events", f"{SCHEDULES}/", *(f"{SCHEDULES}/{path}" for path in (
            "mongo/execution", "clickhouse/transfer", "redis/processing", "warning", "error")),
        f"{PLATFORM}/metrics", f"{PLATFORM}/alerts", *(f"{PLATFORM}/alerts/{{alert_id}}/{act}" for act in (
            "acknowledge", "resolve", "silence")), f"{PLATFORM}/aggregation/trigger",
        *(f"{SERVICES}/{path}" for path in ("events", "metrics", "behavior", "performance", "business")),
    ],
    "patch": [f"{SCHEDULES}/{{event_id}}"],
    "delete": [f"{SCHEDULES}/cleanup"],
}  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The routes as OpenAPI has them; no database is asked for that."""
    settings = settings_in(tmp_path_factory.mktemp("former"), "postgresql:///nothing")
    found: dict[str, Any] = application(settings, is_local=True).openapi()["paths"]
    return {path.replace("{name:path}", "{name}"): item for path, item in found.items()}


def fields_of(item: dict[str, Any]) -> set[str]:
    """The fields of an answer, and of its rows."""
    schema = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    found = set(schema.get("properties", {}))
    for one in schema.get("properties", {}).values():
        found |= set(one.get("items", {}).get("properties", {}))
    return found


def test_what_former_clients_read_is_there(paths: dict[str, Any]) -> None:
    for path, fields in READ.items():
        assert path in paths, path
        if fields:
            assert set(fields.split()) - fields_of(paths[path]) == set(), path
    for path, names in PARAMETERS.items():
        known = {parameter["name"] for parameter in paths[path]["get"]["parameters"]}
        assert set(names.split()) - known == set(), path


def test_every_table_has_pages_and_forms(paths: dict[str, Any]) -> None:
    for path, item in paths.items():
        described = {parameter["name"] for parameter in item.get("get", {}).get("parameters", ())}
        if "format" in described and path not in (
            f"{PLATFORM}/reports/{{cadence}}/{{day}}", f"{USAGE}/reports/{{cadence}}/{{day}}", f"{PIPELINE}/metrics",
        ):  # fmt: skip
            assert {"limit", "cursor"} <= described, path


def test_what_former_clients_change_is_there(paths: dict[str, Any]) -> None:
    for method, changed in CHANGED.items():
        assert [path for path in changed if method not in paths.get(path, {})] == []
