"""Handing a message over to a webhook, in the format of Alertmanager's; requests whose failure tells no secret."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from analytics_etl.alerting.delivery import TIMEOUT_SECONDS, DeliveryError, fingerprint, secrets_in
from analytics_etl.alerting.messages import Message
from analytics_etl.alerting.text import harmless, redacted
from analytics_etl.config.urls import secrets_of

ZERO_TIME = "0001-01-01T00:00:00Z"
"""How Alertmanager writes that an alert has not ended."""


class WebhookReceiver:
    """A URL that takes what Alertmanager's webhook sends (version 4)."""

    name = channel = "webhook"

    def __init__(self, url: str) -> None:
        self._where, self._url, self._headers, self._secrets = request_parts(url)

    def is_for(self, owners: Sequence[str]) -> bool:
        del owners
        return True

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        headers = {
            **self._headers, "Content-Type": "application/json", "Idempotency-Key": fingerprint(message.dedup_key)
        }  # fmt: skip
        body = json.dumps(webhook_body(message)).encode()
        said = send_http(urllib.request.Request(self._url, body, headers, method="POST"))  # noqa: S310 - settings allow http(s) only
        if said is not None:
            raise DeliveryError(f"{self._where}: {harmless(redacted(said, self._secrets), 300)}")
        yield


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, and be taken for delivered."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def send_http(request: urllib.request.Request) -> str | None:
    """Send a request; what went wrong, or None when the answer is 2xx."""
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def request_parts(url: str) -> tuple[str, str, dict[str, str], list[str]]:
    """(where, to be shown; URL without credentials; headers with them; what must never be shown) of an HTTP URL."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    headers = {"User-Agent": "analytics_etl"}
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    hidden = [*secrets_in(user, password), *secrets_of(url)]
    return f"{parts.scheme}://{host}", urlunsplit(parts._replace(netloc=host, fragment="")), headers, hidden


def webhook_body(message: Message) -> dict[str, Any]:
    """The message as Alertmanager's webhook has it: one alert for each finding; the text as common annotations."""
    started = message.created_at.isoformat() if message.created_at is not None else ZERO_TIME
    common = {"severity": message.severity, "kind": message.kind, "owners": ",".join(message.owners)}
    alerts = []
    for alert in message.alerts:
        labels = {**common, **{name: value for name, value in alert.items() if name != "summary"}}
        alerts.append(
            {
                "status": "firing",
                "labels": labels,
                "annotations": {"summary": alert["summary"]},
                "startsAt": started,
                "endsAt": ZERO_TIME,
                "generatorURL": "",
                "fingerprint": fingerprint(json.dumps(labels, sort_keys=True))[:16],
            }
        )
    return {
        "version": "4",
        "groupKey": message.dedup_key,
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "analytics_etl",
        "groupLabels": {"kind": message.kind},
        "commonLabels": common,
        "commonAnnotations": {"summary": message.subject, "description": message.body},
        "externalURL": "",
        "alerts": alerts,
    }
