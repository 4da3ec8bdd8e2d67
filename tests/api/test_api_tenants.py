"""What the token of a tenant sees: its own rows, whatever it asks for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import Server, settings_in
from events import DAY, aggregate, event_id, load, write
from served import serving

from analytics_etl.ops import api_tokens
from analytics_etl.pipeline.tenant_reports import tenant_folder
from analytics_etl.postgres.database import Database

REVENUE = {"name": "revenue", "type": "counter", "category": "business", "unit": "EUR", "labels": {}}
HOT = {"name": "cpu_percent", "type": "gauge", "category": "system", "unit": "percent", "labels": {"service_id": "web"}}
SAMPLES = [
    {**REVENUE, "value": 20, "tenant_id": "acme"}, {**REVENUE, "value": 7, "tenant_id": "globex"},
    {**REVENUE, "value": 1},
    {**HOT, "value": 20, "tenant_id": "acme"}, {**HOT, "value": 7, "tenant_id": "globex"}, {**HOT, "value": 1},
]  # fmt: skip
GRAINS = ("1m", "5m", "1h", "1d")
"""Of gauges: the first two lie in the lake alone, whose files have no row-level security."""
PATHS = (
    "latest/revenue", "aggregated/revenue?interval=1h", "aggregated/revenue?interval=1d",
)  # fmt: skip
Asking = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Asking]]:
    """A day with samples of two tenants and of the platform, and the headers of tokens by whose they are."""
    settings = settings_in(tmp_path_factory.mktemp("tenants"), server.clone(), DAY)
    database = Database(settings)
    dated = [{"event_id": event_id(n), "recorded_at": f"{DAY}T10:00:0{n}Z", **s} for n, s in enumerate(SAMPLES)]
    write(settings, "metric_samples/a.ndjson", dated)
    load(database, "platform.metric_samples", DAY)
    aggregate(database, DAY, DAY, ("day",), ["platform"])
    for name in ("acme", "globex"):
        file = tenant_folder(settings.reports_dir, name) / f"platform/daily/{DAY}.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"tenant": name}))
    headers: Asking = {}
    until = datetime.now(UTC) + timedelta(days=1)
    whose: list[tuple[str, api_tokens.Role, str | None]] = [
        ("all", "viewer", None), ("acme", "viewer", "acme"), ("nobody", "viewer", "nobody"),
        ("'", "viewer", "'; reset role; --"), ("poster", "ingest", "acme"),
    ]  # fmt: skip
    for name, role, tenant in whose:
        token = database.run(api_tokens.create, "test", name, role, until, tenant)[1]
        headers[name] = {"Authorization": f"Bearer {token}"}
    with serving(settings) as client:
        yield client, headers
    server.drop(settings.database_url or "")


def tenants(answer: httpx.Response, rows: str = "rows") -> list[Any]:
    assert answer.status_code == 200, answer.text
    return sorted({row["tenant_id"] for row in answer.json()[rows]})


@pytest.mark.parametrize("path", [*(f"metrics/{path}" for path in PATHS), "business", "engagement"])
def test_a_tenant_sees_its_own_rows(served: tuple[httpx.Client, Asking], path: str) -> None:
    client, headers = served
    sign = "&" if "?" in path else "?"
    asked = f"/analytics/{path}{sign}period=1d"
    assert tenants(client.get(asked, headers=headers["all"])) == ["", "acme", "globex"]
    # The answer to somebody who may see more has just been remembered.
    for _ in range(2):
        for other in ("", "&tenant=acme"):
            assert tenants(client.get(f"{asked}{other}", headers=headers["acme"])) == ["acme"]
    for other in ("&tenant=", "&tenant=globex"):
        assert tenants(client.get(f"{asked}{other}", headers=headers["acme"])) == []
    assert tenants(client.get(asked, headers=headers["nobody"])) == []
    assert tenants(client.get(asked, headers=headers["'"])) == []
    seen = client.get(asked, headers=headers["all"]).headers["etag"]
    assert client.get(asked, headers={**headers["acme"], "If-None-Match": seen}).status_code == 200


@pytest.mark.parametrize("path", ["metrics/latest/revenue", "metrics/business", "business", "engagement"])
def test_a_cursor_leads_a_tenant_to_no_row_of_another(served: tuple[httpx.Client, Asking], path: str) -> None:
    client, headers = served
    asked = f"/analytics/{path}?period=1d&limit=1"
    found, cursor = tenants(client.get(asked, headers=headers["all"])), ""
    while cursor := client.get(f"{asked}{cursor}", headers=headers["all"]).json()["next_cursor"]:
        cursor = f"&cursor={cursor}"
        found += tenants(client.get(f"{asked}{cursor}", headers=headers["all"]))
        assert set(tenants(client.get(f"{asked}{cursor}", headers=headers["acme"]))) <= {"acme"}
    assert sorted(found) == ["", "acme", "globex"]


def test_a_tenant_reads_its_own_report(served: tuple[httpx.Client, Asking]) -> None:
    client, headers = served
    path = f"/analytics/reports/daily/{DAY}"
    expected = {
        ("acme", ""): "acme", ("acme", "?tenant=acme"): "acme", ("acme", "?tenant=globex"): None,
        ("acme", "?tenant="): None, ("nobody", ""): None, ("'", ""): None, ("all", ""): None,
        ("all", "?tenant=globex"): "globex", ("all", "?tenant=..%2Facme"): None,
    }  # fmt: skip
    found = {(who, query): client.get(f"{path}{query}", headers=headers[who]) for who, query in expected}
    assert {key: answer.json().get("tenant") for key, answer in found.items()} == expected
    assert {answer.status_code for key, answer in found.items() if expected[key] is None} == {404}


def test_the_dashboard_of_a_tenant(served: tuple[httpx.Client, Asking]) -> None:
    client, headers = served
    path = "/analytics/dashboard?metrics=revenue"
    found = client.get(path, headers=headers["acme"]).json()
    assert [row["value"] for row in found["metrics"]["revenue"]] == [20]
    assert [(row["tenant_id"], row["total_value"]) for row in found["business"]] == [("acme", 20)]
    assert tenants(client.get(path, headers=headers["all"]), "engagement") == ["", "acme", "globex"]


@pytest.mark.parametrize("grain", GRAINS)
def test_a_tenant_sees_the_gauges_of_its_services_also_in_the_lake(
    served: tuple[httpx.Client, Asking], grain: str
) -> None:
    client, headers = served
    asked = f"/api/v1/analytics/metrics?period={grain}"
    expected = {"all": ["", "acme", "globex"], "acme": ["acme"], "nobody": [], "'": []}
    found = {who: client.get(asked, headers=headers[who]) for who in expected}
    assert {who: tenants(answer) for who, answer in found.items()} == expected
    [row] = found["acme"].json()["rows"]
    assert (row["avg_value"], row["sample_count"]) == (20, 1)
    cursor = client.get(f"{asked}&limit=1", headers=headers["all"]).json()["next_cursor"]
    assert tenants(client.get(f"{asked}&cursor={cursor}", headers=headers["all"])) == ["acme", "globex"]
    assert tenants(client.get(f"{asked}&cursor={cursor}", headers=headers["acme"])) == ["acme"]


def test_a_tenant_gets_nothing_else(served: tuple[httpx.Client, Asking]) -> None:
    client, headers = served
    document = client.get("/openapi.json").json()
    open_to_all = {"/healthz", "/readyz", "/api/v1/pipeline/healthz", "/api/v1/pipeline/readyz"}
    for path, item in document["paths"].items():
        is_open = path in open_to_all or path == "/api/v1/analytics/metrics"
        if "get" in item and not is_open and not path.startswith("/analytics/"):
            assert client.get(path, headers=headers["acme"]).status_code == 403, path


def test_a_tenant_posts_its_own_records(served: tuple[httpx.Client, Asking]) -> None:
    client, headers = served
    sample = {**REVENUE, "value": 1, "recorded_at": f"{DAY}T11:00:00Z"}
    assert client.post("/analytics/metrics", json=sample, headers=headers["poster"]).status_code == 202
    other = client.post("/analytics/metrics", json={**sample, "tenant_id": "globex"}, headers=headers["poster"])
    assert (other.status_code, "tenant_id: expected acme" in other.text) == (422, True)
    event = client.post("/api/v1/usage/events", json={}, headers=headers["poster"])
    assert event.status_code == 403
