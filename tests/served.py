"""Servers of the API on free ports of this machine, with clients."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from analytics_etl.api.app import application
from analytics_etl.api.server import server_of
from analytics_etl.config.settings import Settings


@contextmanager
def serving(settings: Settings, *, is_local: bool = True) -> Iterator[httpx.Client]:
    """A client of a server of its own."""
    server = server_of(application(settings, is_local=is_local))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
