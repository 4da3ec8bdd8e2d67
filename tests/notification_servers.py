"""A real mail server and a real HTTP server of the tests' own, which keep what they get and can be told to refuse."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "mailer", "s3cr3t-w0rd/+"


@dataclass
class Mailbox:
    """What the mail server has accepted, and whom it refuses."""

    port: int
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answer: str = "250 OK"

    @property
    def url(self) -> str:
        return f"smtp://{USER}:s3cr3t-w0rd%2F%2B@127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return self.answer


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class _Controller(Controller):
    """Greets itself with a context for clients, which aiosmtpd's own greeting lacks."""

    def _trigger_server(self) -> None:
        with ExitStack() as opened:
            connection = opened.enter_context(socket.create_connection((self.hostname, self.port), 1))
            if self.ssl_context:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection = opened.enter_context(context.wrap_socket(connection))
            connection.recv(1024)


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[None]:
    """The server of a mailbox, for as long as the block lasts; only who knows the password may send."""

    def authenticate(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    given = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False, **options}
    controller = _Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **given)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@dataclass
class Hook:
    """What the HTTP server was sent, and what it answers."""

    port: int = 0
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    status: int = 200

    @property
    def url(self) -> str:
        return f"http://{USER}:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{self.port}/hook/t0ken-path?key=t0ken-query"

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@contextmanager
def http_server(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A server that keeps what it is sent; one of HTTPS with a context."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            hook.requests.append((self.path, dict(self.headers), json.loads(body) if body else None))
            self.send_response(hook.status, f"said {PASSWORD} and t0ken-query")
            self.send_header("Content-Length", "0")
            if hook.status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the standard library's name

        def log_message(self, *_: object) -> None:
            """Not on the tests' standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()
