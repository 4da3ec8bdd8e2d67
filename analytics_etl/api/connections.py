"""Connections of clients that say nothing: uvicorn waits for a first request, and for the rest of one, for ever.

A thousand of them would leave no room for others. Names of uvicorn that are not its public ones are used here only.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS = 1_000
"""Connections and requests at once; further requests get 503."""
MOST_SOCKETS = MOST_CONNECTIONS + 100
"""Further connections are closed at once, so that there are files left to answer with 503."""
SECONDS_TO_ASK = 10.0
"""Time that a client has for its first request, and for the lines of each one."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when its client does not say what it wants."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_SOCKETS:
            transport.abort()
        else:
            self._begin_to_wait()

    def on_message_begin(self) -> None:
        self._begin_to_wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _begin_to_wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(SECONDS_TO_ASK, self._end)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        """Close it, unless an answer to the request before is under way, which ends it by itself if nothing comes."""
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr] # it begins with None
            self.transport.abort()
