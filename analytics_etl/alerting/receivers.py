"""Receivers that the settings name: the log and e-mail are here, webhooks in `webhook`. And who gets which reports."""

import logging
import smtplib
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from analytics_etl.alerting.delivery import TIMEOUT_SECONDS, DeliveryError, Receiver, fingerprint, secrets_in
from analytics_etl.alerting.messages import Message
from analytics_etl.alerting.text import harmless, redacted
from analytics_etl.alerting.webhook import ReportWebhook, WebhookReceiver
from analytics_etl.config.report_receivers import WEBHOOK
from analytics_etl.config.settings import Settings

LARGEST_ATTACHMENT = 5_000_000
"""Bytes of a report that is attached; servers refuse mails above 10 to 25 MB."""
LINE_LENGTH = 400
"""Length of header lines, of at most 998 in mail. Long, since some readers show a space where a subject is folded."""

logger = logging.getLogger("analytics_etl.alerting")


def receivers_of(settings: Settings) -> list[Receiver]:
    """Every receiver that the settings name; the log is always one."""
    found: list[Receiver] = [LogReceiver()]
    if settings.smtp_url:
        by_address: dict[str, set[str]] = {}
        themselves = [(owner, owner) for owner in settings.owners.addresses]
        for owner, address in (*settings.notify_email, *themselves):
            by_address.setdefault(address, set()).add(owner)
        for address in addresses_of(settings, settings.reports_to.receivers):
            by_address.setdefault(address, set())
        sender, reports = settings.notify_sender, settings.reports_dir
        found += [
            EmailReceiver(settings.smtp_url, address, sender, frozenset(owners), reports)
            for address, owners in by_address.items()
        ]
    if settings.notify_webhook:
        found.append(WebhookReceiver(settings.notify_webhook))
    if settings.reports_webhook:
        found.append(ReportWebhook(settings.reports_webhook))
    return found


def report_receivers(settings: Settings, family: str, cadence: str) -> list[str]:
    """The names of the receivers that get the reports of a family and cadence."""
    wanted = settings.reports_to.of(family, cadence)
    found = [email_name(address) for address in addresses_of(settings, wanted)]
    return [*found, *([ReportWebhook.name] if WEBHOOK in wanted else [])]


def addresses_of(settings: Settings, receivers: Iterable[str]) -> list[str]:
    """The addresses among receivers of reports, and those of the teams among them, each once."""
    found: dict[str, None] = {}
    for receiver in sorted(set(receivers) - {WEBHOOK}):
        if "@" in receiver:
            found[receiver] = None
        else:
            found |= {address: None for owner, address in settings.notify_email if owner in ("*", receiver)}
    return list(found)


def email_name(address: str) -> str:
    """The name of the receiver with an address."""
    return f"email:{address}"


class LogReceiver:
    """Python's log: standard error, unless it is configured."""

    name = channel = "log"

    def is_for(self, owners: Sequence[str]) -> bool:
        del owners
        return True

    @contextmanager
    def handing_over(self, message: Message) -> Iterator[None]:
        logger.warning("%s\n%s", message.subject, message.body)
        yield


class EmailReceiver:
    """One address at a mail server. Its certificate is verified against those that OpenSSL trusts: the system's, or
    those in SSL_CERT_FILE or SSL_CERT_DIR.
    """

    channel = "email"

    def __init__(
        self, url: str, address: str, sender: str, owners: frozenset[str], reports_dir: Path | None = None
    ) -> None:
        self.name, self._reports_dir = email_name(address), reports_dir
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
        with self._raising_delivery_errors():
            server = self._connect()
        try:
            with self._raising_delivery_errors():
                self._log_in(server)
                server.send_message(email_of(message, self.address, self.sender, self._reports_dir))
            yield
            with suppress(smtplib.SMTPException, OSError):  # the message is accepted, even if QUIT fails
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
            if not self._user and _is_this_machine(self._host):  # a relay on this machine has a self-signed certificate
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
    def _raising_delivery_errors(self) -> Iterator[None]:
        """Turn errors of mail and connection into DeliveryErrors without secrets."""
        where = f"the mail server {self._host}:{self._port}"
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise DeliveryError(
                f"{where} refused {self.address}: {code} {self._clean(answer)}", is_about_the_address=True
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

    def _clean(self, answer: bytes | str) -> str:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        return harmless(redacted(text, secrets_in(self._user, self._password)), 300)


def email_of(message: Message, address: str, sender: str, reports_dir: Path | None = None) -> EmailMessage:
    """The e-mail of a message: always the same bytes, so that servers and readers recognise a repeated one.

    One that delivers a report has it as HTML as well, and attached as the file it is now, if that is there.
    """
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
    if message.report is not None:
        _add_report(mail, message.report, reports_dir)
        for number, part in enumerate(mail.walk()):
            if part.is_multipart():  # else its boundary would be another each time
                part.set_boundary(f"{fingerprint(message.dedup_key)}-{number}")
    return mail


def _add_report(mail: EmailMessage, report: Mapping[str, Any], reports_dir: Path | None) -> None:
    mail.add_alternative(report["html"], subtype="html")
    path = reports_dir / report["path"] if reports_dir is not None else None
    if path is not None and path.is_file() and path.stat().st_size <= LARGEST_ATTACHMENT:
        name = report["path"].replace("/", "-")
        mail.add_attachment(path.read_text(encoding="utf-8"), subtype="html", filename=name)


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
