"""Alerts as messages, and as Alertmanager's webhook has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from analytics_etl.alerting.alerts import alerts_message
from analytics_etl.alerting.webhook import ZERO_TIME, webhook_body
from analytics_etl.signals.alerts.notices import Notice, OpenAlert
from analytics_etl.signals.alerts.rules import Comparison, Rule, Selector
from analytics_etl.signals.alerts.states import Status

AT = datetime(2025, 3, 3, 12, tzinfo=UTC)
CPU = Rule("cpu_high", "CPU is over 80 %.", "high", Comparison(Selector("cpu"), ">", 80.0))
TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}
SCHEMA: dict[str, Any] = {
    # https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, written as a schema.
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
        *("commonAnnotations", "externalURL", "alerts"),
    ],
    "properties": {
        "version": {"const": "4"},
        "groupKey": TEXT,
        "truncatedAlerts": {"type": "integer", "minimum": 0},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": TEXT,
        "groupLabels": TEXTS,
        "commonLabels": TEXTS,
        "commonAnnotations": TEXTS,
        "externalURL": TEXT,
        "alerts": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"],
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": {**TEXTS, "required": ["alertname"]},
                    "annotations": TEXTS,
                    "startsAt": {**TEXT, "format": "date-time"},
                    "endsAt": {**TEXT, "format": "date-time"},
                    "generatorURL": TEXT,
                    "fingerprint": {**TEXT, "pattern": "^[0-9a-f]{16}$"},
                },
            },
        },
    },
}


def alert(host: str, *, ended: bool = False, status: Status = Status.TRIGGERED) -> OpenAlert:
    labels = {"host": host, "tenant": "acme", "alertname": "cpu_high", "severity": "high"}
    resolved_at = AT + timedelta(hours=1) if ended else None
    return OpenAlert("cpu_high", labels, 1, status, AT, 91.25, told_at=None, resolved_at=resolved_at)


def notice(*alerts: OpenAlert) -> Notice:
    return Notice(AT, {"alertname": "cpu_high", "tenant": "acme"}, alerts)


def payload(*alerts: OpenAlert) -> dict[str, Any]:
    body = webhook_body(alerts_message(notice(*alerts), {"cpu_high": CPU}, ["team:web"]))
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(body)
    return body


def test_a_message_says_what_fires_and_what_is_resolved() -> None:
    gone = alert("c", status=Status.NO_DATA)
    message = alerts_message(notice(alert("a"), gone, alert("b", ended=True)), {"cpu_high": CPU}, ["team:web"])
    assert message.subject == ('[analytics_etl] HIGH: cpu_high {tenant="acme"}: 2 alerts firing, 1 alert resolved')
    assert message.body == (
        "2 alerts firing, 1 alert resolved.\n"
        "\n"
        "Cpu of tenant acme (host a) is 91.2 (limit 80)\n"
        "  cpu_high (high) since 2025-03-03 12:00 UTC\n"
        "  CPU is over 80 %.\n"
        '  {host="a", tenant="acme"}\n'
        "\n"
        "Cpu of tenant acme (host c) is 91.2 (limit 80)\n"
        "  cpu_high (high) since 2025-03-03 12:00 UTC, no data now\n"
        "  CPU is over 80 %.\n"
        '  {host="c", tenant="acme"}\n'
        "\n"
        "Cpu of tenant acme (host b) is 91.2 (limit 80)\n"
        "  cpu_high (high) resolved at 2025-03-03 13:00 UTC\n"
        "  CPU is over 80 %.\n"
        '  {host="b", tenant="acme"}\n'
    )
    assert alerts_message(notice(alert("b", ended=True)), {"cpu_high": CPU}, []).subject == (
        '[analytics_etl] RESOLVED: cpu_high {tenant="acme"}: 1 alert resolved'
    )


def test_the_payload_is_that_of_alertmanager() -> None:
    body = payload(alert("a"), alert("b", ended=True))
    assert (body["status"], [one["status"] for one in body["alerts"]]) == ("firing", ["firing", "resolved"])
    assert body["groupLabels"] == {"kind": "alerts", "alertname": "cpu_high", "tenant": "acme"}
    assert body["commonLabels"] == {**body["groupLabels"], "severity": "high", "owners": "team:web"}
    first, second = body["alerts"]
    assert first["labels"]["host"] == "a"
    assert (first["startsAt"], first["endsAt"]) == ("2025-03-03T12:00:00+00:00", ZERO_TIME)
    assert second["endsAt"] == "2025-03-03T13:00:00+00:00"
    assert first["annotations"] == {"summary": "CPU is over 80 %."}


def test_an_alert_is_known_again_when_it_is_resolved() -> None:
    fired, ended = payload(alert("a")), payload(alert("a", ended=True))
    assert ended["status"] == "resolved"
    assert fired["groupKey"] == ended["groupKey"]
    assert fired["alerts"][0]["fingerprint"] == ended["alerts"][0]["fingerprint"]
