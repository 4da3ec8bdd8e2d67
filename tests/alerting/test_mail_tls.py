"""Mail over TLS, from the start and by STARTTLS, and HTTPS, against real servers: certificates nobody vouches for."""

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from notification_servers import PASSWORD, Mailbox, free_port, http_server, mail_server

from analytics_etl.alerting import DeliveryError, send_http
from analytics_etl.alerting.messages import trial_message
from analytics_etl.alerting.receivers import EmailReceiver

# The connection is encrypted, but not by STARTTLS, which is all that aiosmtpd looks at.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

MESSAGE = trial_message(datetime(2025, 3, 11, tzinfo=UTC), ["*"])
CREDENTIALS = "mailer:s3cr3t-w0rd%2F%2B@"


@dataclass(frozen=True)
class Authority:
    """A certificate of an authority nobody knows, and a server's context with one that it has signed."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("tls")
    own_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer, subject, public, x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
        )

    constraints = x509.BasicConstraints(ca=True, path_length=0)
    own = certificate(issuer, own_key.public_key()).add_extension(constraints, critical=True)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )  # fmt: skip
    of_server = certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key.public_key()
    ).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(own.sign(own_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.pem").write_bytes(
        of_server.sign(own_key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return Authority(folder / "authority.pem", context)


@contextmanager
def from_the_start(context: ssl.SSLContext) -> Iterator[Mailbox]:
    mailbox = Mailbox(free_port())
    with mail_server(mailbox, ssl_context=context):
        yield mailbox


@contextmanager
def by_starttls(context: ssl.SSLContext) -> Iterator[Mailbox]:
    mailbox = Mailbox(free_port())
    with mail_server(mailbox, tls_context=context, auth_require_tls=True):
        yield mailbox


@contextmanager
def by_starttls_for_anybody(context: ssl.SSLContext) -> Iterator[Mailbox]:
    mailbox = Mailbox(free_port())
    with mail_server(mailbox, tls_context=context, require_starttls=True, authenticator=None, auth_required=False):
        yield mailbox


Serving = Callable[[ssl.SSLContext], AbstractContextManager[Mailbox]]


def send(url: str) -> None:
    with EmailReceiver(url, "a@x.org", "etl@x.org", frozenset("*")).handing_over(MESSAGE):
        pass


@pytest.mark.parametrize(("serving", "scheme"), [(from_the_start, "smtps"), (by_starttls, "smtp")])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_must_be_vouched_for(
    authority: Authority, serving: Serving, scheme: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(authority.context) as mailbox:
        url = f"{scheme}://{CREDENTIALS}{host}:{mailbox.port}"
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(
            DeliveryError, match=r"cannot be trusted: .*name its certificate in SSL_CERT_FILE"
        ) as refused:
            send(url)
        assert PASSWORD not in str(refused.value)
        assert mailbox.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        send(url)
        assert [address for address, _ in mailbox.mails] == ["a@x.org"]


@pytest.mark.parametrize(("serving", "scheme"), [(from_the_start, "smtps"), (by_starttls, "smtp")])
def test_a_certificate_of_another_name_is_refused(
    authority: Authority, serving: Serving, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.1 is where the server is, and not in its certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serving(authority.context) as mailbox:
        with pytest.raises(DeliveryError, match=r"cannot be trusted: .*127\.1"):
            send(f"{scheme}://{CREDENTIALS}127.1:{mailbox.port}")
        assert mailbox.mails == []


def test_without_a_password_a_relay_elsewhere_is_verified_and_one_on_this_machine_is_not(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.1 is this machine, too, but written in a way that the product does not take for it."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with by_starttls_for_anybody(authority.context) as mailbox:
        with pytest.raises(DeliveryError, match="cannot be trusted"):
            send(f"smtp://127.1:{mailbox.port}")
        assert mailbox.mails == []
        send(f"smtp://127.0.0.1:{mailbox.port}")
        assert len(mailbox.mails) == 1


def test_a_webhook_is_verified_like_a_mail_server(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what OpenSSL trusts, and so by SSL_CERT_FILE; not against a list of the HTTP client's own."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with http_server(authority.context) as hook:
        url = f"https://localhost:{hook.port}/x"
        assert "certificate verify failed" in (send_http("POST", url, {}, b"1") or "")
        assert hook.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert send_http("POST", url, {}, b"1") is None
        assert "certificate verify failed" in (send_http("POST", url.replace("localhost", "127.1"), {}, b"1") or "")
