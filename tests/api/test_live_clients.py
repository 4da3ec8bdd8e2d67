"""What a client of live updates is sent: what it watches, the newest state of it, and never a growing queue."""

import json
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from analytics_etl.api.access import Identity
from analytics_etl.api.live import client as clients
from analytics_etl.api.live import messages
from analytics_etl.api.live.client import Client, TooManyError
from analytics_etl.ops import live

ALL, ACME = Identity("all", "viewer"), Identity("acme", "viewer", "acme")


def sample(name: str = "cpu", tenant: str | None = None, value: float = 1, second: int = 0, **labels: str) -> Any:
    return {
        "name": name, "tenantId": tenant, "category": "system", "type": "gauge", "unit": None, "labels": labels,
        "value": value, "timestamp": f"2025-03-31T00:00:{second:02}Z",
    }  # fmt: skip


def sent(client: Client) -> list[tuple[str, Any]]:
    found = []
    while client.waiting_count:
        said = json.loads(client.take())
        found.append((said["event"], said["data"].get("value", said["data"].get("id"))))
    return found


def test_the_newest_state_takes_the_place_of_what_waits() -> None:
    client = Client(ALL)
    client.watch(["cpu"], None)
    for second, value in ((1, 10), (3, 30), (2, 20)):
        client.take_sample(sample(value=value, second=second, host="a", zone="x"))
    client.take_sample(sample(value=5, zone="x", host="b"))
    assert (sent(client), client.skipped) == ([("metricUpdate", 30), ("metricUpdate", 5)], 1)


def test_waiting_states_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MOST_WAITING", 3)
    client = Client(ALL)
    client.watch(["cpu"], None)
    for number in range(10):
        client.take_sample(sample(value=number, host=str(number)))
    assert (sent(client), client.skipped) == ([("metricUpdate", value) for value in (7, 8, 9)], 7)


@pytest.mark.parametrize(
    ("identity", "asked", "seen"),
    [
        (ALL, None, [1, 2, 3]), (ALL, "", [1]), (ALL, "acme", [2]), (ACME, None, [2]), (ACME, "acme", [2]),
    ],
)  # fmt: skip
def test_a_subscription_is_of_a_tenant(identity: Identity, asked: str | None, seen: list[int]) -> None:
    for event in ("metricUpdate", "dashboardMetricUpdate"):
        client = Client(identity)
        tenant = client.tenant_of(asked)
        if event == "metricUpdate":
            client.watch(["cpu"], tenant)
        else:
            client.open_dashboard(tenant)
        alerts = []
        for number, whose in enumerate((None, "acme", "globex"), 1):
            client.take_sample(sample(tenant=whose, value=number))
            client.take_alert({"id": number, "metricName": "memory, cpu", "tenantId": whose})
            alerts += [("alertNotification", number)] * (number in seen)
        found = sent(client)
        assert [pair for pair in found if pair[0] == event] == [(event, number) for number in seen]
        assert [pair for pair in found if pair[0] != event] == alerts
    with pytest.raises(PermissionError):
        Client(ACME).tenant_of("globex")
    with pytest.raises(PermissionError):
        Client(ACME).tenant_of("")


def test_nothing_is_sent_of_what_is_no_longer_watched() -> None:
    client = Client(ALL)
    client.watch(["cpu", "memory"], None)
    client.open_dashboard("acme")
    for name in ("cpu", "memory", "disk"):
        client.take_sample(sample(name, "acme", value=len(name)))
    client.put("dashboardUpdate", {"tenantId": "acme", "id": 7}, "acme")
    client.forget(["cpu"], None)
    client.close_dashboard("acme")
    assert sent(client) == [("metricUpdate", 6)]
    client.take_alert({"id": 1, "metricName": None, "tenantId": "acme"})
    client.take_sample(sample("disk", "acme"))
    assert sent(client) == []
    with pytest.raises(TooManyError):
        client.watch([str(number) for number in range(clients.MOST_METRICS)], None)


def test_a_client_waits_until_there_is_something() -> None:
    async def wait() -> list[tuple[str, Any]]:
        client = Client(ALL)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.wait)
                await anyio.lowlevel.checkpoint()
                client.put("heartbeat", {"value": 1}, "heartbeat")
        return sent(client)

    assert anyio.run(wait) == [("heartbeat", 1)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no valid JSON"), ("[" * 100_000, "no valid JSON"), ("[]", "an event of"),
        ('{"event": "x"}', "an event of"),
        ('{"event": ["subscribeMetrics"]}', "an event of"), ('{"event": "subscribeMetrics"}', "metricNames"),
        ('{"event": "subscribeMetrics", "data": {"metricNames": []}}', "metricNames"),
        ('{"event": "subscribeMetrics", "data": {"metricNames": ["a\\u0000"]}}', "metricNames.0"),
        ('{"event": "getDashboardStream", "data": {"tenantId": 5}}', "tenantId"),
        ('{"event": "getDashboardStream", "data": {"tenant": "a"}}', "tenant"),
        ('{"event": "getDashboardStream", "data": {}, "id": 1}', "an event of"),
    ],
)  # fmt: skip
def test_other_messages_are_refused(text: str, reason: str) -> None:
    with pytest.raises(messages.MessageError, match=reason):
        messages.read(text)


def test_what_is_told_fits_into_messages() -> None:
    items = [{"name": "é" * 1_000, "number": number} for number in range(10)]
    told = list(live.messages("samples", items))
    assert [item for text in told for item in live.read(text)[1]] == items
    assert (max(len(text.encode()) for text in told) <= live.LONGEST, len(told)) == (True, 4)
    assert [live.read(text) for text in live.messages("alerts", [])] == [("alerts", [])]
    for text in ("x", "[]", "{}", '{"kind": 1, "items": []}'):
        with pytest.raises(ValueError, match=r"message|JSON|value"):
            live.read(text)
