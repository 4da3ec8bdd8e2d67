"""The receiver that posts to a webhook, in the format of Alertmanager; HTTP requests whose errors hold no secret."""

import base64
import json
import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from analytics_etl.alerting.delivery import TIMEOUT_SECONDS, DeliveryError, fingerprint, secrets_in
from analytics_etl.alerting.messages import NO_LABELS, Message
from analytics_etl.alerting.text import harmless, redacted
from analytics_etl.config.urls import secrets_of

ZERO_TIME = "0001-01-01T00:00:00Z"
"""Alertmanager's end time of an alert that has not ended."""

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # at lower levels they log URLs, whose paths may be tokens


class WebhookReceiver:
    """A URL that accepts the webhook payload of Alertmanager (version 4)."""

    name = channel = "webhook"

    def __init__(self, url: str) -> None:
        self._where, self._url, self._headers, self._secrets = request_parts(url)

    def is_for(self, owners: Sequence[str]) -> bool:
        del owners
        return True

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        _post(self._where, self._url, self._headers, self._secrets, message, webhook_body(message))
        yield


class ReportWebhook:
    """A URL that accepts reports as JSON."""

    name = channel = "reports webhook"

    def __init__(self, url: str) -> None:
        self._where, self._url, self._headers, self._secrets = request_parts(url)

    def is_for(self, owners: Sequence[str]) -> bool:
        del owners
        return False  # of reports the receivers are named

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        _post(self._where, self._url, self._headers, self._secrets, message, report_body(message))
        yield


def report_body(message: Message) -> dict[str, Any]:
    """What a webhook gets of a report: what it is about, its figures, what changed, and its text and HTML."""
    report = dict(message.report or {})
    report.pop("path", None)
    return {"version": "1", "kind": message.kind, "subject": message.subject, "text": message.body, **report}


def _post(
    where: str, url: str, headers: Mapping[str, str], secrets: Sequence[str], message: Message, body: Mapping[str, Any]
) -> None:
    """Send a message as JSON; raise DeliveryError unless it is accepted."""
    sent = {**headers, "Content-Type": "application/json", "Idempotency-Key": fingerprint(message.dedup_key)}
    error = send_http("POST", url, sent, json.dumps(body).encode())
    if error is not None:
        raise DeliveryError(f"{where}: {harmless(redacted(error, secrets), 300)}")


def send_http(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> str | None:
    """Send a request; returns None if the status is 2xx, else the error. Does not read the body of the answer.

    A redirect is an error: a redirected POST would arrive as a GET without its body. Certificates are verified against
    those that OpenSSL trusts, as for mail, and not against the list that httpx brings.
    """
    try:
        with httpx.stream(
            method, url, headers=headers, content=body, timeout=TIMEOUT_SECONDS, follow_redirects=False,
            verify=ssl.create_default_context(),
        ) as answer:  # fmt: skip
            return None if answer.is_success else f"HTTP {answer.status_code} {answer.reason_phrase}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:  # a proxy's URL can be any text
        return str(error) or type(error).__name__


def request_parts(url: str) -> tuple[str, str, dict[str, str], list[str]]:
    """(origin, for messages; URL without credentials; headers with credentials; secrets, never to show) of a URL."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    headers = {"User-Agent": "analytics_etl"}
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    hidden = [*secrets_in(user, password), *secrets_of(url)]
    return f"{parts.scheme}://{host}", urlunsplit(parts._replace(netloc=host, fragment="")), headers, hidden


def webhook_body(message: Message) -> dict[str, Any]:
    """The payload of Alertmanager's webhook: the message's alerts, with its text as common annotations."""
    common = {"severity": message.severity, "kind": message.kind, "owners": ",".join(message.owners)}
    alerts = [_alert(alert, common, message) for alert in message.alerts]
    is_firing = not alerts or any(alert["status"] == "firing" for alert in alerts)
    group = {"kind": message.kind, **message.group_labels}
    return {
        "version": "4",
        "groupKey": json.dumps(group, sort_keys=True) if message.group_labels else message.dedup_key,
        "truncatedAlerts": 0,
        "status": "firing" if is_firing else "resolved",
        "receiver": "analytics_etl",
        "groupLabels": group,
        "commonLabels": {
            name: value
            for name, value in {**common, **message.group_labels}.items()
            if all(alert["labels"].get(name) == value for alert in alerts)
        },
        "commonAnnotations": {"summary": message.subject, "description": message.body},
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(alert: Mapping[str, str], common: Mapping[str, str], message: Message) -> dict[str, Any]:
    labels = {**common, **{name: value for name, value in alert.items() if name not in NO_LABELS}}
    created = message.created_at.isoformat() if message.created_at is not None else ZERO_TIME
    return {
        "status": "resolved" if "ends_at" in alert else "firing",
        "labels": labels,
        "annotations": {"summary": alert["summary"]},
        "startsAt": alert.get("starts_at", created),
        "endsAt": alert.get("ends_at", ZERO_TIME),
        "generatorURL": "",
        "fingerprint": fingerprint(json.dumps(labels, sort_keys=True))[:16],
    }
