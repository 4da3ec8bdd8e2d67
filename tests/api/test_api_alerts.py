"""Alerts by the API: who sees which, what he may do to them, and what is kept of that."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import Server, settings_in
from events import Event, ask, execute, put
from served import serving

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens
from analytics_etl.pipeline import alert_rules
from analytics_etl.pipeline.alerts import judge
from analytics_etl.postgres.database import Database

FIRST, LAST = date(2025, 3, 30), date(2025, 3, 31)
PATH = "/analytics/alerts"
Asking = dict[str, dict[str, str]]


def ratio(day: date, tenant: str | None, value: float, entity: str = "api") -> Event:
    return {
        "day": day, "series_id": f"{tenant} {entity}", "bucket": f"{day}T00:00:00Z", "metric": "error_ratio",
        "grain": "1d", "unit": "ratio", "is_absent_zero": False, "is_forecast": False, "tenant_id": tenant,
        "entity": entity, "series_labels": "{}", "value": value, "weight": 100,
    }  # fmt: skip


SERIES = [
    *(ratio(day, tenant, 0.3) for day in (FIRST, LAST) for tenant in ("acme", "globex", None)),
    ratio(FIRST, None, 0.5, "old"), ratio(LAST, None, 0.01, "old"), ratio(LAST, None, 0.2, "a*"),
    ratio(FIRST, None, 0.02, "fine"),
]  # fmt: skip


@pytest.fixture
def served(server: Server, tmp_path: Any) -> Iterator[tuple[Settings, httpx.Client, Asking]]:
    """Two judged days, and the headers of tokens by whose they are."""
    settings = settings_in(tmp_path, server.clone(), FIRST)
    put(settings, {"platform.series": SERIES})
    database = Database(settings)
    assert judge(database, Catalog.of(settings)) == 2
    headers: Asking = {}
    until = datetime.now(UTC) + timedelta(days=1)
    whose: list[tuple[str, api_tokens.Role, str | None]] = [
        ("all", "editor", None), ("viewer", "viewer", None), ("acme", "editor", "acme"), ("nobody", "editor", "nobody"),
    ]  # fmt: skip
    for name, role, tenant in whose:
        token = database.run(api_tokens.create, "test", name, role, until, tenant)[1]
        headers[name] = {"Authorization": f"Bearer {token}"}
    with serving(settings) as client:
        yield settings, client, headers
    server.drop(settings.database_url or "")


def listed(client: httpx.Client, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{PATH}{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def about(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["tenantId"], row["labels"]["entity"], row["status"]) for row in rows]


def test_who_sees_which_alerts(served: tuple[Settings, httpx.Client, Asking]) -> None:
    _, client, headers = served
    everything = listed(client, headers["viewer"])
    assert about(everything) == [
        (None, "a*", "triggered"), ("acme", "api", "triggered"), ("globex", "api", "triggered"),
        (None, "api", "triggered"), (None, "old", "resolved"),
    ]  # fmt: skip
    assert {**everything[3], "id": "", "description": ""} == {
        "id": "", "name": "error_ratio_high", "description": "", "severity": "high", "status": "triggered",
        "metricName": "error_ratio", "condition": {"operator": ">", "threshold": 0.1, "duration": 300},
        "labels": {"entity": "api", "family": "platform", "grain": "1d"}, "currentValue": 0.3, "tenantId": None,
        "userId": None, "createdAt": "2025-03-31T00:00:00Z", "acknowledgedAt": None, "acknowledgedBy": None,
        "resolvedAt": None, "updatedAt": "2025-03-31T00:00:00Z",
    }  # fmt: skip
    assert everything[4]["resolvedAt"] == "2025-04-01T00:00:00Z"
    assert about(listed(client, headers["all"], "?status=resolved")) == [(None, "old", "resolved")]
    assert listed(client, headers["all"], "?severity=critical") == []
    first = client.get(f"{PATH}?limit=3", headers=headers["all"]).json()
    assert first["as_of"] == "2025-04-01T00:00:00Z"
    assert [*first["rows"], *listed(client, headers["all"], f"?limit=3&cursor={first['next_cursor']}")] == everything
    in_csv = csv.DictReader(io.StringIO(client.get(f"{PATH}?format=csv", headers=headers["all"]).text))
    assert [row["id"] for row in in_csv] == [row["id"] for row in everything]

    assert about(listed(client, headers["acme"])) == [("acme", "api", "triggered")]
    assert listed(client, headers["nobody"]) == []
    for row in everything:
        status = 200 if row["tenantId"] == "acme" else 404
        for path in (row["id"], f"{row['id']}/history"):
            assert client.get(f"{PATH}/{path}", headers=headers["acme"]).status_code == status
        if status == 404:
            for act in ("acknowledge", "resolve"):
                assert client.post(f"{PATH}/{row['id']}/{act}", headers=headers["acme"]).status_code == 404
            said = {"hours": 1, "reason": "mine"}
            assert client.post(f"{PATH}/{row['id']}/silence", json=said, headers=headers["acme"]).status_code == 404


def test_what_people_do_to_an_alert(served: tuple[Settings, httpx.Client, Asking]) -> None:
    settings, client, headers = served
    [row] = listed(client, headers["acme"])
    name = f"{PATH}/{row['id']}"
    assert client.post(f"{name}/acknowledge", headers=headers["viewer"]).status_code == 403
    before = datetime.now(UTC)
    done = client.post(f"{name}/acknowledge", json={"reason": "a bad disk"}, headers=headers["acme"])
    assert done.status_code == 200, done.text
    found = done.json()
    assert (found["status"], found["acknowledgedBy"], found["resolvedAt"]) == ("acknowledged", "acme", None)
    assert before <= datetime.fromisoformat(found["acknowledgedAt"]) <= datetime.now(UTC)
    assert found["updatedAt"] == found["acknowledgedAt"]
    assert [one["acknowledgedBy"] for one in found["incidents"]] == ["acme"]
    assert client.get(name, headers=headers["all"]).json() == found
    again = client.post(f"{name}/acknowledge", headers=headers["all"])
    assert (again.status_code, "acknowledged already" in again.json()["detail"]) == (409, True)
    ended = client.post(f"{name}/resolve", headers=headers["all"]).json()
    assert (ended["status"], ended["incidents"][0]["resolvedBy"]) == ("resolved", "all")
    changes = client.get(f"{name}/history", headers=headers["acme"]).json()["rows"]
    assert [(one["who"], one["after"]) for one in changes] == [
        (None, "triggered"), ("acme", "acknowledged"), ("all", "resolved"),
    ]  # fmt: skip
    wrong: list[Any] = [{"why": "x"}, {"reason": "\0"}, {"reason": "x" * 1_001}, [], "x"]
    for body in wrong:
        assert client.post(f"{name}/resolve", json=body, headers=headers["all"]).status_code == 422
    audited = ask(
        settings.database_url,
        "select actor, action, reason from ops.audit where action like '%alert' order by audit_id",
    )
    assert [tuple(one.values()) for one in audited] == [
        ("acme", "acknowledge alert", "a bad disk"), ("all", "resolve alert", None),
    ]  # fmt: skip


def test_a_silence_is_of_one_alert(served: tuple[Settings, httpx.Client, Asking]) -> None:
    settings, client, headers = served
    rows = {(row["tenantId"], row["labels"]["entity"]): row["id"] for row in listed(client, headers["all"])}
    for body in ({}, {"hours": 1}, {"hours": 0, "reason": "x"}, {"hours": 1, "reason": ""}):
        refused = client.post(f"{PATH}/{rows[None, 'api']}/silence", json=body, headers=headers["all"])
        assert refused.status_code == 422, body
    for whose, tenant in (("all", None), ("acme", "acme")):
        said = client.post(
            f"{PATH}/{rows[tenant, 'api']}/silence", json={"hours": 8, "reason": "move"}, headers=headers[whose]
        )
        assert (said.status_code, said.json()["status"]) == (200, "triggered")
    any_text = client.post(
        f"{PATH}/{rows[None, 'a*']}/silence", json={"hours": 8, "reason": "move"}, headers=headers["all"]
    )
    assert any_text.status_code == 409
    silences = ask(
        settings.database_url, "select matchers, extract(hour from ends_at - starts_at)::int as hours, who, reason "
        "from ops.alert_silences order by silence_id",
    )  # fmt: skip
    labels = {"alertname": "error_ratio_high", "entity": "api", "family": "platform", "grain": "1d"}
    assert silences == [
        {"matchers": {**labels, "tenant": ""}, "hours": 8, "who": "all", "reason": "move"},
        {"matchers": {**labels, "tenant": "acme"}, "hours": 8, "who": "acme", "reason": "move"},
    ]


def test_the_examples_of_bodies_are_taken(served: tuple[Settings, httpx.Client, Asking]) -> None:
    _, client, headers = served
    document = client.get("/openapi.json").json()
    ids = iter(row["id"] for row in listed(client, headers["all"], "?status=triggered") if row["tenantId"])
    for name, schema in (("acknowledge", "Said"), ("silence", "Silence")):
        [example] = document["components"]["schemas"][schema]["examples"]
        assert f"{PATH}/{{alert_id}}/{name}" in document["paths"]
        assert client.post(f"{PATH}/{next(ids)}/{name}", json=example, headers=headers["all"]).status_code == 200


def test_people_give_rules_of_their_own(
    served: tuple[Settings, httpx.Client, Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule is judged with the next day that is published; every version of it is kept."""
    settings, client, headers = served
    rule = {
        "name": "Many errors!", "severity": "medium", "metricName": "error_ratio",
        "condition": {"operator": ">=", "threshold": 0.25, "duration": 60},
    }  # fmt: skip
    assert client.post(PATH, json=rule, headers=headers["viewer"]).status_code == 403
    made = client.post(PATH, json={**rule, "description": "Too many."}, headers=headers["acme"])
    assert made.status_code == 201, made.text
    found = made.json()
    times = ("createdAt", "updatedAt")
    assert {name: value for name, value in found.items() if name not in ("id", *times)} == {
        "name": "many_errors", "description": "Too many.", "severity": "medium", "status": "inactive",
        "metricName": "error_ratio", "condition": rule["condition"], "labels": {}, "currentValue": None,
        "tenantId": "acme", "userId": None, "acknowledgedAt": None, "acknowledgedBy": None, "resolvedAt": None,
    }  # fmt: skip
    assert client.get(f"{PATH}/{found['id']}", headers=headers["acme"]).json().items() >= found.items()
    for status, body in {
        409: {**rule, "name": "error_ratio_high"}, 422: {**rule, "metricName": "unheard_of"},
        403: {**rule, "tenantId": "globex"},
    }.items():  # fmt: skip
        assert client.post(PATH, json=body, headers=headers["acme"]).status_code == status, body
    for wrong in ({"name": "!"}, {"severity": "bad"}, {"condition": {"operator": "~", "threshold": 1}}, {"more": 1},
                  {"labels": {"a b": "c"}}, {"description": "\0"}):  # fmt: skip
        assert client.post(PATH, json={**rule, **wrong}, headers=headers["all"]).status_code == 422, wrong
    assert client.post(PATH, json=rule, headers=headers["nobody"]).status_code == 409
    monkeypatch.setattr(alert_rules, "MOST_RULES", 1)
    assert client.post(PATH, json={**rule, "name": "another"}, headers=headers["all"]).status_code == 409
    changed = client.post(PATH, json={**rule, "severity": "critical"}, headers=headers["all"])
    assert (changed.status_code, changed.json()["tenantId"]) == (201, None)
    assert changed.json()["createdAt"] == found["createdAt"] < changed.json()["updatedAt"]
    execute(settings.database_url, "update ops.partitions set updated_at = clock_timestamp()")  # published again
    assert judge(Database(settings), Catalog.of(settings)) == 2
    found = listed(client, headers["all"], "?severity=critical&status=triggered")
    assert {(row["name"], row["tenantId"], row["currentValue"]) for row in found} == {
        ("many_errors", tenant, 0.3) for tenant in ("acme", "globex", None)
    }
    rules = {name: listed(client, asking, "/rules") for name, asking in headers.items()}
    assert ([row["name"] for row in rules["viewer"]], rules["acme"]) == (["many_errors"], [])
    assert client.delete(f"{PATH}/rules/many_errors", headers=headers["acme"]).status_code == 404
    assert client.delete(f"{PATH}/rules/many_errors", headers=headers["all"]).status_code == 204
    assert listed(client, headers["all"], "/rules") == []
    kept = ask(
        settings.database_url,
        "select definition ->> 'severity' as severity, who from ops.alert_rules order by rule_number",
    )
    assert [tuple(row.values()) for row in kept] == [("medium", "acme"), ("critical", "all"), (None, "all")]


def form_of(row: dict[str, Any], act: str, **changes: str) -> dict[str, str]:
    return {"id": row["id"], "act": act, "reason": "", "hours": "8", **changes}


def test_people_act_on_the_page_of_alerts(served: tuple[Settings, httpx.Client, Asking]) -> None:
    """By the forms of the page, without script, and not from the page of another site."""
    settings, client, headers = served
    cookies = {
        name: {"Cookie": f"analytics_token={asking['Authorization'].removeprefix('Bearer ')}"}
        for name, asking in headers.items()
    }
    [own] = listed(client, headers["acme"])
    [other] = [row for row in listed(client, headers["all"]) if row["tenantId"] == "globex"]
    for query, tenants in {"": 4, "?tenant=globex": 1, "?tenant=": 2, "?tenant=nobody": 0}.items():
        page = client.get(f"/alerts{query}", headers=cookies["all"]).text
        assert page.count('<form class="acting"') == tenants, query
    assert "Error ratio of service api is 30 % (limit 10 %)" in client.get("/alerts", headers=cookies["all"]).text
    assert '<option value="globex">' not in client.get("/alerts", headers=cookies["acme"]).text
    page = client.get("/alerts", headers=cookies["acme"]).text
    assert (page.count('<form class="acting"'), own["id"] in page, other["id"] in page) == (1, True, False)
    assert "acting" not in client.get("/alerts", headers=cookies["viewer"]).text.replace("acting-title", "")
    assert client.get("/alerts", headers=cookies["all"]).text.count('<form class="acting"') == 4

    def sent(whose: str, form: dict[str, str], **more: str) -> int:
        return client.post("/alerts", data=form, headers={**cookies[whose], **more}).status_code

    here = str(client.base_url).rstrip("/")
    acknowledge = form_of(own, "acknowledge", reason="a bad disk")
    assert sent("viewer", acknowledge) == 403
    assert sent("acme", acknowledge, Origin="http://evil.example") == 403
    assert sent("acme", acknowledge, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert sent("acme", form_of(other, "acknowledge")) == 404
    for wrong in (
        {"act": "delete"},
        {"hours": "9"},
        {"hours": "x"},
        {"reason": "x" * 1_001},
        {"reason": "\0"},
        {"act": "silence"},
    ):
        assert sent("acme", {**acknowledge, "reason": "", **wrong}) == 422, wrong
    assert client.post("/alerts", content=b"x", headers=cookies["acme"]).status_code == 422
    assert sent("acme", acknowledge, Origin=here) == 303
    assert sent("acme", acknowledge) == 409
    assert sent("acme", form_of(own, "silence", reason="moved"), **{"Sec-Fetch-Site": "same-origin"}) == 303
    [row] = listed(client, headers["acme"])
    assert (row["status"], row["acknowledgedBy"]) == ("acknowledged", "acme")
    assert 'value="acknowledge"' not in client.get("/alerts", headers=cookies["acme"]).text
    assert sent("acme", form_of(own, "resolve")) == 303
    silences = ask(
        settings.database_url,
        "select extract(hour from ends_at - starts_at)::int as hours, who from ops.alert_silences",
    )
    assert silences == [{"hours": 8, "who": "acme"}]
