"""The server that the application runs on: uvicorn, with bounds against slow and idle clients."""

import uvicorn
from fastapi import FastAPI

KEEP_ALIVE_SECONDS = 5
"""Time that an idle connection stays open."""
MOST_CONNECTIONS = 1_000
"""Connections and requests at once; further ones get 503."""
SECONDS_TO_END = 10
"""Time that requests have to end once the server is told to stop."""
WAITING_CONNECTIONS = 2_048


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server for an application; `run` gives it a bound socket and blocks until it is stopped."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=SECONDS_TO_END, backlog=WAITING_CONNECTIONS,
    )  # fmt: skip
    return uvicorn.Server(config)
