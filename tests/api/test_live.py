"""Live updates of a real server: what is posted, published and judged reaches whoever watches it, and nobody else."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from conftest import Server, settings_in
from events import ask, download, execute, put
from served import serving
from test_api_alerts import LAST, SERIES
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from analytics_etl.api.live import socket as sockets
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens, live
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.alerts import judge
from analytics_etl.postgres.database import Database

SAMPLES = "/analytics/metrics"
SAMPLE = {
    "name": "load", "tenantId": None, "category": "system", "type": "gauge", "unit": None,
    "timestamp": "2025-03-31T00:00:00Z",
}  # fmt: skip
Asking = dict[str, dict[str, str]]
TOKENS: list[tuple[str, api_tokens.Role, str | None]] = [
    ("all", "admin", None), ("acme", "editor", "acme"), ("globex", "viewer", "globex"), ("post", "ingest", None),
]  # fmt: skip


def tokens(database: Database) -> Asking:
    until = datetime.now(UTC) + timedelta(days=1)
    return {
        name: {"Authorization": f"Bearer {database.run(api_tokens.create, 'test', name, role, until, tenant)[1]}"}
        for name, role, tenant in TOKENS
    }


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, httpx.Client, Asking]]:
    """A server with tokens and two days of alerts."""
    settings = replace(settings_in(tmp_path_factory.mktemp("live"), server.clone(), LAST), api_live_sockets=3)
    put(settings, {"platform.series": SERIES})
    headers = tokens(Database(settings))
    judge(Database(settings), Catalog.of(settings))
    with serving(settings) as client:
        yield settings, client, headers
    server.drop(settings.database_url or "")


@contextmanager
def opened(client: httpx.Client, headers: dict[str, str], **named: Any) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{client.base_url.port}/analytics/live"
    with connect(url, additional_headers=headers, proxy=None, **named) as opened_one:
        yield opened_one


def say(to: ClientConnection, event: str, **data: Any) -> None:
    to.send(json.dumps({"event": event, "data": data}))


def hear(of: ClientConnection, event: str, seconds: float = 10) -> dict[str, Any]:
    """The data of the next message of a kind."""
    until = time.monotonic() + seconds
    while True:
        said = json.loads(of.recv(timeout=max(0, until - time.monotonic())))
        if said["event"] == event:
            found: dict[str, Any] = said["data"]
            return found


def metric(tenant: str | None, value: float, second: int = 0, name: str = "queue_length") -> dict[str, Any]:
    return {
        "recorded_at": f"{datetime.now(UTC):%F}T00:00:{second:02}Z", "name": name, "type": "gauge",
        "category": "system", "value": value, "unit": None, "labels": {"host": "a"}, "tenant_id": tenant,
    }  # fmt: skip


def post(client: httpx.Client, headers: dict[str, str], *samples: dict[str, Any]) -> None:
    answer = client.post(SAMPLES, json=samples, headers=headers)
    assert answer.status_code == 202, answer.text


def test_posted_samples_reach_whoever_watches_them(served: tuple[Settings, httpx.Client, Asking]) -> None:
    _, client, headers = served
    with opened(client, headers["all"]) as everything, opened(client, headers["acme"]) as own:
        assert hear(own, "heartbeat")["skipped"] == 0
        say(everything, "subscribeMetrics", metricNames=["queue_length"])
        say(own, "subscribeMetrics", metricNames=["queue_length"], tenantId="acme")
        say(own, "subscribeMetrics", metricNames=["queue_length"], tenantId="globex")
        refused = hear(own, "error")
        assert (refused["event"], refused["status"]) == ("subscribeMetrics", 403)
        say(own, "shout")
        assert hear(own, "error")["status"] == 422
        post(client, headers["post"], metric("globex", 1), metric("acme", 2), metric(None, 3))
        post(client, headers["post"], metric("acme", 4, second=1), metric("acme", 0, name="other"))
        seen: dict[str | None, float] = {}
        while seen.get("acme") != 4 or len(seen) < 3:
            found = hear(everything, "metricUpdate")
            seen[found["tenantId"]] = found["value"]
        assert seen == {"globex": 1, "acme": 4, None: 3}
        found = hear(own, "metricUpdate")
        while found["value"] != 4:
            found = hear(own, "metricUpdate")
        assert found == {
            "name": "queue_length", "tenantId": "acme", "category": "system", "type": "gauge", "unit": None,
            "labels": {"host": "a"}, "value": 4, "timestamp": f"{datetime.now(UTC):%F}T00:00:01Z",
        }  # fmt: skip
        wide = {"service_id": "play", "timestamp": f"{datetime.now(UTC):%FT00:00:00Z}", "cpu_usage": 71.5}
        say(everything, "subscribeMetrics", metricNames=["cpu_percent"])
        assert client.post("/api/v1/analytics/metrics", json=wide, headers=headers["post"]).status_code == 202
        gauge = hear(everything, "metricUpdate")
        assert (gauge["name"], gauge["value"], gauge["labels"]) == ("cpu_percent", 71.5, {"service_id": "play"})
        with pytest.raises(TimeoutError):
            hear(own, "metricUpdate", 0.5)
    with opened(client, headers["acme"]) as again:  # what it missed, and only that
        say(again, "subscribeMetrics", metricNames=["queue_length"], since=found["timestamp"])
        with pytest.raises(TimeoutError):
            hear(again, "metricUpdate", 0.3)
        say(again, "subscribeMetrics", metricNames=["queue_length"])
        assert hear(again, "metricUpdate")["value"] == 4
        say(again, "unsubscribeMetrics", metricNames=["queue_length"])
        say(again, "getDashboardStream")
        hear(again, "dashboardUpdate")
        post(client, headers["post"], metric("acme", 5, second=2))
        said = json.loads(again.recv(timeout=10))
        assert (said["event"], said["data"]["value"]) == ("dashboardMetricUpdate", 5)


def test_what_runs_publish_and_people_do_reaches_dashboards(served: tuple[Settings, httpx.Client, Asking]) -> None:
    settings, client, headers = served
    database = Database(settings)
    with opened(client, headers["all"]) as everything, opened(client, headers["acme"]) as own:
        for one in (everything, own):
            say(one, "getDashboardStream")
        assert [alert["tenantId"] for alert in hear(everything, "dashboardUpdate")["alerts"]] == [
            None, "acme", "globex", None,
        ]  # fmt: skip
        [alert] = hear(own, "dashboardUpdate")["alerts"]
        assert (alert["tenantId"], alert["status"]) == ("acme", "triggered")
        view = Catalog.of(settings).views["platform.metric_latest"]
        publishing.refresh(database, view)
        assert hear(own, "dashboardUpdate")["tenantId"] == "acme"
        [other] = client.get("/analytics/alerts?status=triggered", headers=headers["globex"]).json()["rows"]
        for name, whose in ((other["id"], "all"), (alert["id"], "acme")):
            done = client.post(f"/analytics/alerts/{name}/acknowledge", headers=headers[whose])
            assert done.status_code == 200, done.text
        changed = hear(own, "alertNotification")
        assert (changed["id"], changed["status"], changed["acknowledgedBy"]) == (alert["id"], "acknowledged", "acme")
        assert {hear(everything, "alertNotification")["id"] for _ in range(2)} == {alert["id"], other["id"]}
        assert hear(own, "dashboardUpdate")["alerts"] == [changed]
        answer = client.post(
            "/api/v1/landing/registry.download_events", json=[download(1), download(2)], headers=headers["all"]
        )
        assert answer.status_code == 202
        rate = hear(everything, "dashboardMetricUpdate")
        assert (rate["name"], rate["labels"], rate["value"]) == (
            "posted_records", {"table": "registry.download_events"}, 2,
        )  # fmt: skip
        with pytest.raises(TimeoutError):
            hear(own, "dashboardMetricUpdate", 0.3)


def test_who_gets_no_live_updates(
    served: tuple[Settings, httpx.Client, Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, client, headers = served
    cookie = headers["all"]["Authorization"].removeprefix("Bearer ")
    here = f"http://127.0.0.1:{client.base_url.port}"
    refused: list[tuple[dict[str, str], int]] = [
        ({}, 401), ({"Authorization": "Bearer an_x"}, 401), (headers["post"], 403),
        ({**headers["all"], "Origin": "http://evil.example"}, 403), ({"Cookie": f"analytics_token={cookie}"}, 401),
        ({"Cookie": f"analytics_token={cookie}", "Origin": "http://evil.example"}, 403),
        ({**headers["all"], "Host": "evil.example"}, 403),
    ]  # fmt: skip
    for asked, status in refused:
        with pytest.raises(InvalidStatus) as caught, opened(client, asked):
            pass
        assert caught.value.response.status_code == status, asked
    with opened(client, {"Cookie": f"analytics_token={cookie}", "Origin": here}) as page:
        assert hear(page, "heartbeat")
    monkeypatch.setattr(sockets, "HEARTBEAT_SECONDS", 0.2)
    token = {row["name"]: row["token_id"] for row in ask(settings.database_url, "select * from ops.api_tokens")}
    with opened(client, headers["globex"]) as one, opened(client, headers["all"]), opened(client, headers["all"]):
        with pytest.raises(InvalidStatus) as caught, opened(client, headers["all"]):
            pass
        assert caught.value.response.status_code == 503
        Database(settings).run(api_tokens.revoke, "test", token["globex"])
        with pytest.raises(ConnectionClosed) as closed:
            hear(one, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == sockets.REFUSED
    with pytest.raises(InvalidStatus), opened(client, headers["globex"]):
        pass


def test_a_client_that_does_not_read_delays_nobody(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone(), date(2025, 3, 31))
    with (
        serving(settings) as client, opened(client, {}) as reading, plain_socket(client) as own,
        opened(client, {}, sock=own, max_queue=1, compression=None) as silent,
    ):  # fmt: skip
        for one in (reading, silent):
            say(one, "subscribeMetrics", metricNames=["load"])
            say(one, "shout")
            hear(one, "error")  # so it has subscribed
        count, filler = 1_500, {"filler": "x" * 3_000}
        for first in range(0, count, 100):
            samples = [{**SAMPLE, "labels": filler, "value": value} for value in range(first, first + 100)]
            Database(settings).run(live.tell, "samples", samples)
        values = [-1]
        while values[-1] != count - 1:  # the other one has all of it
            values.append(hear(reading, "metricUpdate")["value"])
        values = [-1]
        while values[-1] != count - 1:
            values.append(hear(silent, "metricUpdate")["value"])
        assert values == sorted(values)
        assert len(values) < count - 100  # what the buffers of the system hold, and the newest one
    server.drop(settings.database_url or "")


def plain_socket(client: httpx.Client) -> socket.socket:
    """A connection that takes little before it is read."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    made.connect(("127.0.0.1", client.base_url.port or 0))
    return made


def test_the_connection_is_made_again_when_it_is_lost(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone(), date(2025, 3, 31))
    with serving(settings) as client, opened(client, {}) as watching:
        say(watching, "subscribeMetrics", metricNames=["queue_length"])
        hear(watching, "heartbeat")
        execute(
            settings.database_url, "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'"
        )
        execute(settings.database_url, f"notify {live.CHANNEL}, 'what nobody of ours tells'")
        for second in range(20):
            post(client, {}, metric(None, second, second))
            try:
                assert hear(watching, "metricUpdate", 0.5)["value"] <= second
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("nothing was heard after the connection was lost")
    server.drop(settings.database_url or "")


def test_without_the_platform_there_are_alerts_alone(server: Server, tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path, server.clone(), date(2025, 3, 31)), families=("registry",))
    with serving(settings) as client, opened(client, {}) as watching:
        say(watching, "getDashboardStream")
        found = hear(watching, "dashboardUpdate")
        assert found == {
            "tenantId": None, "as_of": None, "is_final": None, "health": [], "business": [], "engagement": [],
            "alerts": [],
        }  # fmt: skip
        assert client.patch(f"/api/v1/schedule-analytics/{UUID(int=1)}", json={}).status_code == 404
        assert client.delete("/api/v1/schedule-analytics/cleanup?before=2025-01-01").status_code == 404
        assert client.get("/signals").status_code == 200
    server.drop(settings.database_url or "")
