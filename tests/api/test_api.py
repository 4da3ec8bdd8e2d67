"""The API over a few days of sample events: what every route does, asked by a client like any other."""

import csv
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import hypothesis
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import schemathesis
from conftest import Server, settings_in
from events import ask, execute, load_and_aggregate
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import serving

from analytics_etl.api import serving as serving_module
from analytics_etl.api import versions
from analytics_etl.api.app import MOST_THREADS
from analytics_etl.api.openapi import examples
from analytics_etl.config.settings import Settings
from analytics_etl.engines.session import lake_session
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.ops import alerts
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.rules import alert_key
from analytics_etl.signals.alerts.states import AlertState, Status, to_json

LAST = date(2025, 3, 31)
FIRST = LAST - timedelta(days=1)


@pytest.fixture(scope="module")
def settings(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days of all families, loaded and aggregated."""
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("api"), url)
    write_sample(
        settings.landing_dir,
        SampleOptions(LAST, days=2, events_per_day=300, families=("registry", "usage", "schedules", "services")),
    )
    load_and_aggregate(Database(settings), FIRST, LAST)
    Database(settings).run(record_alert)
    yield settings
    server.drop(url)


def record_alert(connection: Connection) -> None:
    """Book the alert that examples name, triggered at the end of the last day."""
    labels, at = {"entity": "play", "family": "services", "grain": "1d"}, datetime(2025, 4, 1, tzinfo=UTC)
    state = AlertState("error_ratio_high", labels, at, at, Status.TRIGGERED, 1, at, 0.3)
    key = alert_key(state.rule, labels)
    transition = {
        "alert_key": key, "happened_at": at, "position": 0, "family": "services", "severity": "high",
        "rule": state.rule, "rule_version": "v", "alert_labels": labels, "incident": 1, "who": None,
        "state_before": "inactive", "state_after": "triggered", "value": 0.3, "since": at, "metric": "error_ratio",
        "sentence": "Error ratio is 30 %",
    }  # fmt: skip
    alerts.record_day(connection, LAST, {key: to_json(state)}, [transition])


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


def test_every_example_is_answered_as_documented(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    found = list(examples(document))
    described = [
        path for path, item in document["paths"].items() if "get" in item and path.startswith(("/api/v", "/analytics/"))
    ]
    others = {"healthz", "readyz", "metrics", "{day}"}
    assert {path for path, _ in found} >= {path for path in described if path.rsplit("/", 1)[-1] not in others}
    page = client.get("/docs").text.replace("&amp;", "&")
    for path, example in found:
        answer = client.get(example)
        assert answer.status_code == 200, (example, answer.text)
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(content).validate(answer.json())
        assert example in page
    assert "analytics_etl_database_up 1.0" in client.get("/api/v1/pipeline/metrics").text
    assert client.get("/api/v1/usage/reports/weekly/2025-03-31").status_code == 404


def test_a_request_says_what_is_wrong_with_it(client: httpx.Client) -> None:
    popular = "/api/v2/analytics/modules/popular"
    for query, words in {
        "perod=7d": "perod: there is no such parameter; expected some of cursor, format, limit, period",
        "period=0d": "period", "limit=10001": "limit", "limit=1&limit=2": "limit: is given more than once",
        "cursor=x": "the cursor must be the one that came with the page before", "format=xml": "format",
    }.items():  # fmt: skip
        answer = client.get(f"{popular}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), query
        assert words in answer.json()["detail"]
        assert answer.json() | {"title": "", "status": 422} == {**answer.json(), "title": "", "status": 422}
    assert client.get("/api/nothing").status_code == 404
    assert client.post(popular).status_code == 405


def test_pages_go_on_where_they_ended_in_every_form(client: httpx.Client) -> None:
    popular = "/api/v2/analytics/modules/popular?period=2d"
    whole = client.get(f"{popular}&limit=10000").json()
    assert (whole["as_of"], whole["is_final"], whole["next_cursor"]) == ("2025-04-01T00:00:00Z", False, None)
    page = client.get(f"{popular}&limit=7").json()
    rows = page["rows"]
    while page["next_cursor"]:
        page = client.get(f"{popular}&limit=7&cursor={page['next_cursor']}").json()
        rows += page["rows"]
    assert rows == whole["rows"]
    assert len(rows) > 14
    as_csv = client.get(f"{popular}&limit=7&format=csv")
    assert [*csv.DictReader(io.StringIO(as_csv.text))] == [
        {name: str(value) for name, value in row.items()} for row in rows[:7]
    ]
    assert as_csv.headers["x-next-cursor"]
    parquet = client.get(f"{popular}&limit=7", headers={"Accept": "application/vnd.apache.parquet"})
    assert pq.read_table(io.BytesIO(parquet.content)).to_pylist() == rows[:7]
    arrow = client.get(f"{popular}&limit=7&format=arrow")
    assert pa.ipc.open_stream(arrow.content).read_all().to_pylist() == rows[:7]


def test_users_organizations_and_languages_of_modules_are_those_of_the_events(
    client: httpx.Client, settings: Settings
) -> None:
    used = (
        "(select module_name, organization_id, user_id from registry.download_events union all "
        "select module_name, organization_id, user_id from registry.module_view_events) as used"
    )
    users = ask(settings.database_url, f"select module_name, count(distinct user_id) as users from {used} group by 1")
    popular = client.get("/api/v2/analytics/modules/popular?period=2d&limit=5").json()["rows"]
    expected = {row["module_name"]: row["users"] for row in users}
    assert [row["unique_users"] for row in popular] == [expected[row["module_name"]] for row in popular]
    name = popular[0]["module_name"]
    found = client.get(f"/api/v2/analytics/modules/{name}/stats?period=2d").json()
    by_organization = ask(
        settings.database_url,
        f"select organization_id, count(distinct user_id) as users from {used} "
        f"where module_name = '{name}' and organization_id is not null group by 1 order by 1",
    )
    shown = sorted((row["organization_id"], row["unique_users"]) for row in found["organizations"])
    assert shown == [(row["organization_id"], row["users"]) for row in by_organization]
    by_language = ask(
        settings.database_url,
        "select language, count(*) as compilations from registry.compilation_events "
        f"where module_name = '{name}' group by 1 order by 1",
    )
    shown = sorted((row["language"], row["compilation_count"]) for row in found["languages"])
    assert shown == [(row["language"], row["compilations"]) for row in by_language]


def test_an_answer_is_remembered_until_its_tables_change(client: httpx.Client, settings: Settings) -> None:
    path = "/api/v2/analytics/overview"
    first, second = client.get(path), client.get(path)
    assert (first.headers["etag"], first.content) == (second.headers["etag"], second.content)
    assert second.headers["x-cache"] == "HIT"
    known = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first.headers["etag"])
    execute(settings.database_url, "update ops.partitions set updated_at = now() where table_name like 'registry.%'")
    time.sleep(versions.SECONDS_KNOWN)
    changed = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["x-cache"]) == (200, "MISS")
    assert changed.headers["etag"] != first.headers["etag"]


def test_an_answer_that_is_remembered_waits_for_no_other(client: httpx.Client, settings: Settings) -> None:
    """More are asked than are computed at once, and none of these gets on."""
    known = "/api/v2/analytics/languages?period=1d"
    assert client.get(known).status_code == 200
    paths = [f"/api/v2/analytics/overview?limit={number}" for number in range(1, MOST_THREADS + 3)]
    with ThreadPoolExecutor(len(paths)) as threads, psycopg.connect(settings.database_url or "") as connection:
        connection.execute("lock table registry.overview_daily in access exclusive mode")
        waiting = [threads.submit(client.get, path) for path in paths]
        time.sleep(versions.SECONDS_KNOWN + 0.3)  # so that versions must be read again
        begun = time.monotonic()
        answer = client.get(known)
        assert (answer.headers["x-cache"], time.monotonic() - begun < 2) == ("HIT", True)
        connection.rollback()
        assert {one.result().status_code for one in waiting} == {200}


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_whatever_is_asked_the_answer_is_documented(client: httpx.Client) -> None:
    """What schemathesis makes of the OpenAPI document: requests as it says, and others."""
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    count = 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @hypothesis.settings(
                max_examples=2, deadline=None, derandomize=True, database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
                phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            )  # fmt: skip
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal count
                count += 1
                case.call_and_validate(checks=CHECKS)

            try:
                ask()
            except hypothesis.errors.Unsatisfiable:  # a route without anything to get wrong
                assert mode == GenerationMode.NEGATIVE
    assert count > 150


def test_what_takes_too_long_is_said(client: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "STATEMENT_SECONDS", 0.3)
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("lock table registry.overview_daily in access exclusive mode")
        answer = client.get("/api/v2/analytics/overview?format=csv")
    assert (answer.status_code, "took too long" in answer.json()["detail"]) == (504, True)
    monkeypatch.undo()
    assert client.get("/api/v2/analytics/overview?format=csv").status_code == 200
    with pytest.raises(TimeoutError), lake_session(128, settings.temporary_dir, 0.1) as session:
        session.rows("select sum(sin(a.range + b.range)) from range(10000000) as a, range(10000000) as b")
