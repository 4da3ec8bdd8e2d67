"""Anomalies by the API: who sees which, what people say of them, and what is kept of that."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import Server, settings_in
from events import Event, ask, put
from served import serving

from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 31)
PATH = "/analytics/anomalies"
Served = tuple[Settings, httpx.Client, dict[str, dict[str, str]]]


def anomaly(tenant: str | None, severity: str | None, day: date = DAY) -> Event:
    return {
        "day": day, "series_id": f"{tenant}", "bucket": f"{day}T00:00:00Z", "metric": "cpu_percent", "grain": "1d",
        "unit": "percent", "tenant_id": tenant, "entity": "api", "series_labels": "{}", "value": 91.0, "score": 0.9,
        "is_anomaly": severity is not None, "aspect": "value", "deviation": 6.0, "severity": severity,
        "direction": "up", "sentence": f"It is {severity}", "incident_id": "i", "method": "novelty-1",
    }  # fmt: skip


@pytest.fixture
def served(server: Server, tmp_path: Any) -> Iterator[Served]:
    """Anomalies of two tenants and the platform, and the headers of tokens by whose they are."""
    settings = settings_in(tmp_path, server.clone(), DAY)
    rows = [anomaly("acme", "high"), anomaly(None, "low"), anomaly("globex", "medium"), anomaly("calm", None)]
    put(settings, {"platform.anomalies": [*rows, anomaly("acme", "high", DAY - timedelta(days=9))]})
    whose: list[tuple[str, api_tokens.Role, str | None]] = [
        ("all", "editor", None), ("viewer", "viewer", None), ("acme", "editor", "acme"),
    ]  # fmt: skip
    until = datetime.now(UTC) + timedelta(days=1)
    tokens = {
        name: Database(settings).run(api_tokens.create, "test", name, role, until, tenant)[1]
        for name, role, tenant in whose
    }
    with serving(settings) as client:
        yield settings, client, {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    server.drop(settings.database_url or "")


def test_who_sees_and_says_what(served: Served) -> None:
    settings, client, headers = served

    def listed(whose: str, query: str = "") -> list[dict[str, Any]]:
        answer = client.get(f"{PATH}{query}", headers=headers[whose])
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    assert [row["sentence"] for row in listed("all")] == ["It is high", "It is medium", "It is low"]
    assert [row["sentence"] for row in listed("viewer", "?severity=medium")] == ["It is high", "It is medium"]
    assert [row["day"] for row in listed("acme", "?days=10")] == [str(DAY), "2025-03-22"]

    names = {row["tenant_id"]: row["anomaly"] for row in listed("all")}
    for whose, name, status in (
        ("viewer", names["acme"], 403), ("acme", names["globex"], 404), ("all", "0" * 12, 404), ("all", "x", 422),
    ):  # fmt: skip
        assert client.post(f"{PATH}/{name}/confirm", headers=headers[whose]).status_code == status
    said = client.post(f"{PATH}/{names['acme']}/dismiss", json={"reason": "a load test"}, headers=headers["acme"])
    assert (said.status_code, said.json()["rows"][0]["verdict"]) == (200, "dismissed")
    assert client.post(f"{PATH}/{names['acme']}/confirm", headers=headers["all"]).status_code == 200
    assert [(row["verdict"], row["who"]) for row in listed("acme")] == [("confirmed", "all")]
    assert client.post(f"{PATH}/{names[None]}/confirm", json={"why": "x"}, headers=headers["all"]).status_code == 422
    kept = ask(
        settings.database_url,
        "select verdict, who, reason, ends_at = bucket + interval '1 day' as is_its_bucket from ops.anomaly_feedback "
        "order by feedback_id",
    )
    assert [tuple(row.values()) for row in kept] == [
        ("dismissed", "acme", "a load test", True), ("confirmed", "all", None, True),
    ]  # fmt: skip
    audited = ask(settings.database_url, "select actor, action, subject from ops.audit where action like '%anomaly'")
    assert [tuple(row.values()) for row in audited] == [
        (who, f"{verdict} anomaly", f"platform {names['acme']}: It is high")
        for who, verdict in (("acme", "dismissed"), ("all", "confirmed"))
    ]
