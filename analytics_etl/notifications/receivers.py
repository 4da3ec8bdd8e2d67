"""Handing a message over: to the log, by e-mail, to a webhook. What is said of a failure never holds a secret.

`handing_over` is a block that begins when the receiver has accepted the message: what the caller does in it comes
before the connection is closed, so that hardly any time passes between acceptance and its being noted.
"""

import base64
import hashlib
import json
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from analytics_etl.notifications.messages import Message
from analytics_etl.notifications.text import harmless, redacted
from analytics_etl.settings import Settings, secrets_of

TIMEOUT_SECONDS = 8
"""A sensor's tick has 60 seconds, for all receivers."""

LINE_LENGTH = 400
"""Of headers: a subject that begins with a fold is shown with a space by some readers. Mail allows 998."""

ZERO_TIME = "0001-01-01T00:00:00Z"
"""How Alertmanager writes that an alert has not ended."""

logger = logging.getLogger("analytics_etl.notifications")


class DeliveryError(RuntimeError):
    """A message was not accepted."""

    def __init__(self, said: str, *, is_about_the_address: bool = False) -> None:
        super().__init__(said)
        self.is_about_the_address = is_about_the_address
        """The others at the same server may still get theirs."""


class Receiver(Protocol):
    """Somewhere a message can be handed over to."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str:
        """What several receivers share: if it is down, it is down for all of them."""

    def handing_over(self, message: Message) -> Any:
        """A block in which the message has been accepted; raise DeliveryError if it is not."""

    def is_for(self, owners: Sequence[str]) -> bool: ...


def receivers_of(settings: Settings) -> list[Receiver]:
    """Every receiver the settings name; the log is always one."""
    found: list[Receiver] = [LogReceiver()]
    if settings.smtp_url:
        by_address: dict[str, set[str]] = {}
        themselves = [(owner, owner) for owner in settings.owners.addresses]
        for owner, address in (*settings.notify_email, *themselves):
            by_address.setdefault(address, set()).add(owner)
        sender = settings.notify_sender
        found += [EmailReceiver(settings.smtp_url, a, sender, frozenset(owners)) for a, owners in by_address.items()]
    if settings.notify_webhook:
        found.append(WebhookReceiver(settings.notify_webhook))
    return found


class LogReceiver:
    """Python's log, so standard error when nobody configured it."""

    name = channel = "log"

    def is_for(self, owners: Sequence[str]) -> bool:
        del owners
        return True

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        logger.warning("%s\n%s", message.subject, message.body)
        yield


class EmailReceiver:
    """One address, by way of one mail server, whose certificate is verified against those OpenSSL trusts: the system's,
    or those in the file or folder that SSL_CERT_FILE or SSL_CERT_DIR names.
    """

    channel = "email"

    def __init__(self, url: str, address: str, sender: str, owners: frozenset[str]) -> None:
        self.name = f"email:{address}"
        self.address, self.sender, self.owners = address, sender, owners
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def is_for(self, owners: Sequence[str]) -> bool:
        return bool(self.owners & {"*", *owners})

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        with self._saying_no_secret():
            server = self._connect()
        try:
            with self._saying_no_secret():
                self._log_in(server)
                server.send_message(email_of(message, self.address, self.sender))
            yield
            with suppress(smtplib.SMTPException, OSError):  # accepted is accepted, whatever the goodbye
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self._is_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)

    def _log_in(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if not self._is_tls and server.has_extn("starttls"):
            context = ssl.create_default_context()
            if not self._user and _is_this_machine(self._host):  # a relay here has made its certificate itself
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            server.starttls(context=context)
            server.ehlo()
        elif not self._is_tls and self._user and not _is_this_machine(self._host):
            raise DeliveryError(
                f"{self._host} offers no encryption, so the password was not sent: use smtps:// or a server with it"
            )
        if self._user:
            server.login(self._user, self._password)

    @contextmanager
    def _saying_no_secret(self) -> Iterator[None]:
        where = f"the mail server {self._host}:{self._port}"
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise DeliveryError(
                f"{where} refused {self.address}: {code} {self._clean(said)}", is_about_the_address=True
            ) from None
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(f"{where} said {error.smtp_code} {self._clean(error.smtp_error)}") from None
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(
                f"{where}: its certificate cannot be trusted: {self._clean(error.verify_message)}; if an authority of "
                "your own has signed it, name its certificate in SSL_CERT_FILE"
            ) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise DeliveryError(f"{where}: {self._clean(str(error) or type(error).__name__)}") from None

    def _clean(self, said: bytes | str) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return harmless(redacted(text, secrets_in(self._user, self._password)), 300)


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


def secrets_in(user: str, password: str) -> list[str]:
    """A password in the forms a server could repeat it in."""
    if not password:
        return []
    pairs = (password, f"\0{user}\0{password}", f"{user}:{password}")
    return [password, *(base64.b64encode(text.encode()).decode() for text in pairs)]


def fingerprint(dedup_key: str) -> str:
    """A dedup key as it can stand in a header: always the same for the same key."""
    return hashlib.sha256(dedup_key.encode()).hexdigest()[:40]


def email_of(message: Message, address: str, sender: str) -> EmailMessage:
    """The e-mail, the same bytes for the same message: a server or reader that gets it twice can tell."""
    mail = EmailMessage(policy=SMTP.clone(max_line_length=LINE_LENGTH))
    mail["Subject"] = message.subject
    mail["From"] = sender
    mail["To"] = address
    mail["Message-ID"] = f"<{fingerprint(message.dedup_key)}@{sender.rpartition('@')[2]}>"
    if message.created_at is not None:
        mail["Date"] = format_datetime(message.created_at)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Analytics-ETL-Kind"] = message.kind
    mail.set_content(message.body)
    return mail


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


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
