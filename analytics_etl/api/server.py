"""The server that the application runs on: uvicorn, with bounds against slow and idle clients."""

import socket

import uvicorn
from fastapi import FastAPI

from analytics_etl.api import connections

KEEP_ALIVE_SECONDS = 5
"""Time that an idle connection stays open."""
SECONDS_TO_END = 10
"""Time that requests have to end once the server is told to stop."""
WAITING_CONNECTIONS = 2_048
LARGEST_MESSAGE = 64 << 10
"""Bytes of a message of a client of live updates."""
PING_SECONDS = 20.0
"""Clients of live updates are asked so often whether they are there, and have as long to answer."""


SECONDS_UNREAD = 60
"""Time after which the system ends a connection whose client does not read what was sent."""


def bound_silence(listening: socket.socket) -> None:
    """End connections of clients that read nothing; sockets that are accepted take this over."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SECONDS_UNREAD * 1_000)


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server for an application; `run` gives it a bound socket and blocks until it is stopped."""
    config = uvicorn.Config(
        app, http=connections.BoundedProtocol, log_level="warning", access_log=False,
        server_header=False, proxy_headers=False, ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE, ws_ping_interval=PING_SECONDS, ws_ping_timeout=PING_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, limit_concurrency=connections.MOST_CONNECTIONS,
        timeout_graceful_shutdown=SECONDS_TO_END, backlog=WAITING_CONNECTIONS,
    )  # fmt: skip
    return uvicorn.Server(config)
