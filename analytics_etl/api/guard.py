"""What is true of every request: its host, its size, its time, and the headers of the answer (ASGI)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from analytics_etl.api import problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 10 << 20
"""Bytes of a request's body."""
SECONDS_TO_SEND = 30.0
"""Time a client has for the body of a request."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Everything comes from this server, no script or style stands in a page, and no page is shown within another."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware: refuses what is too large, too slow or sent by a foreign page; adds the security headers."""

    def __init__(self, app: App, *, allows_origins: bool = False) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()
                         if not (allows_origins and name == "Cross-Origin-Resource-Policy")]  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        has_started = False

        async def send_guarded(message: Message) -> None:
            nonlocal has_started
            has_started = True
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in self._headers if h[0] not in given)]
            await send(message)

        refused, body = await self._body(scope, receive)
        if refused is not None:
            await refused(scope, receive, send_guarded)
            return
        has_been_read = False

        async def receive_again() -> Message:
            nonlocal has_been_read
            if has_been_read:
                return await receive()
            has_been_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self._app(scope, receive_again, send_guarded)
        except Exception as error:
            # Starlette would answer it outside of all middleware, and so without the headers.
            if not has_started:
                answer = problems.of_error(error, f"{scope['method']} {scope['path']}")
                answer.headers["Connection"] = "close"  # as the server does after an error
                await answer(scope, receive, send_guarded)
            raise

    async def _body(self, scope: Scope, receive: Receive) -> tuple[App | None, bytes]:
        """The whole body, or the answer that refuses the request."""
        headers = dict(scope["headers"])
        if scope["method"] in _SAFE:
            return None, b""
        if _is_of_another_site(headers):
            return problems.answer(403, "the page of another site sent this request"), b""
        too_large = f"the body is larger than {LARGEST_BODY:,} bytes: send it in parts"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return problems.answer(413, too_large, {"Connection": "close"}), b""
        body = bytearray()
        try:
            async with asyncio.timeout(SECONDS_TO_SEND):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > LARGEST_BODY:
                        return problems.answer(413, too_large, {"Connection": "close"}), b""
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return None, bytes(body)
        except TimeoutError:
            return problems.answer(
                408, f"the body did not come within {SECONDS_TO_SEND:.0f} seconds", {"Connection": "close"}
            ), b""


def _is_of_another_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of another site sent a request, as a browser says, or as an old one lets one see."""
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if site is not None:
        return site not in (b"none", b"same-origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")
