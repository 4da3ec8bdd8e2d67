"""The guard of our web servers: it refuses requests whose header Host names another host (DNS rebinding).

Our servers have no password. A web page can let the name of its own host point to this machine, and then send requests
to our servers. But these requests still carry that name in the header Host.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
REFUSAL = b"This server does not go by that name. Names that it goes by: ANALYTICS_ALLOWED_HOSTS.\n"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def name_of(header: str) -> str:
    """The name or address in a header Host, without its port."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?", header.strip())
    return (found[1] or found[2] or "").lower().rstrip(".") if found else ""


def is_allowed(header: str, names: Iterable[str]) -> bool:
    """Whether a header Host has one of the names, or names the loopback interface."""
    return name_of(header) in {*LOOPBACK, *(name.lower() for name in names)}


class HostGuard:
    """ASGI middleware that refuses requests and WebSockets for other hosts than its own."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_allowed(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # closed before acceptance: the client sees HTTP 403
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSAL)).encode())]
            await send({"type": "http.response.start", "status": 400, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})

    def _is_allowed(self, scope: Scope) -> bool:
        headers = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        address = (scope.get("server") or ("",))[0]  # the address of this server that the client connected to
        return len(headers) == 1 and is_allowed(headers[0], {*self._names, address})


def guarded(app: WSGIApplication, names: Iterable[str]) -> WSGIApplication:
    """A WSGI application that refuses requests for other hosts than its own."""
    allowed = frozenset(names)

    def guard(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if is_allowed(environ.get("HTTP_HOST", ""), allowed):
            return app(environ, start_response)
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [REFUSAL]

    return guard
