"""Web servers answer for the names of this machine and for those that are set, and for no other."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection

import pytest
from commands import variables
from conftest import Server, settings_in

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings, SettingsError
from analytics_etl.monitoring.host_guard import is_allowed, name_of
from analytics_etl.monitoring.metrics import listen

FOREIGN = [
    "evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "10.9.8.7", "",
    "[::2]:80", "localhost@evil.example", "evil.example#localhost", "127.0.0.1:80:80", "0x7f000001",
]  # fmt: skip
OURS = [
    "localhost",
    "LOCALHOST:3000",
    "127.0.0.1:1",
    "[::1]:3000",
    "localhost.",
    "etl.example.org",
    "etl.example.org:443",
]


@pytest.mark.parametrize("header", FOREIGN)
def test_foreign(header: str) -> None:
    assert not is_allowed(header, ["etl.example.org"])


@pytest.mark.parametrize("header", OURS)
def test_ours(header: str) -> None:
    assert is_allowed(header, ["etl.example.org"])


def test_names() -> None:
    assert [name_of(header) for header in ("A.b:1", "[::1]", "[fe80::1]:8", "x:y")] == ["a.b", "::1", "fe80::1", ""]


def test_the_setting() -> None:
    settings = Settings.from_environment({"ANALYTICS_ALLOWED_HOSTS": "etl.example.org, [fd00::1] ,10.1.2.3"})
    assert settings.allowed_hosts == ("etl.example.org", "fd00::1", "10.1.2.3")
    with pytest.raises(SettingsError, match="ANALYTICS_ALLOWED_HOSTS must be names of hosts"):
        Settings.from_environment({"ANALYTICS_ALLOWED_HOSTS": "https://etl.example.org/"})


def status(port: int, path: str, host: str, headers: dict[str, str] | None = None) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in {"Host": host, **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status


def test_metrics(settings: Settings) -> None:
    allowing = replace(settings, allowed_hosts=("etl.example.org",))
    server, thread = listen(allowing, Catalog(), lambda: datetime.now(UTC), "127.0.0.1", 0)
    try:
        assert {header: status(server.server_port, "/metrics", header) for header in FOREIGN} == dict.fromkeys(
            FOREIGN, 400
        )
        assert status(server.server_port, "/metrics", "localhost") == 200
        assert status(server.server_port, "/metrics", "etl.example.org") == 200
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def webserver(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Dagster's web server as a service starts it, without definitions, which take long to load; its port."""
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("webserver"), url)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    command = [
        sys.executable, "-m", "analytics_etl.cli", "exec", "--", "dagster-webserver", "-h", "127.0.0.1",
        "-p", str(port), "--empty-workspace",
    ]  # fmt: skip
    environment = {**os.environ, **variables(settings), "ANALYTICS_ALLOWED_HOSTS": "etl.example.org"}
    with subprocess.Popen(command, env=environment, cwd=CHECKOUT) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                status(port, "/server_info", "localhost")
            except OSError:
                time.sleep(0.2)
            else:
                break
        yield port
        process.terminate()
    server.drop(url)


WEBSOCKET = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "graphql-ws",
}  # fmt: skip


def test_the_ui(webserver: int) -> None:
    for header in ("localhost", f"127.0.0.1:{webserver}", "etl.example.org"):
        assert status(webserver, "/server_info", header) == 200
        assert status(webserver, "/graphql", header, WEBSOCKET) == 101
    for header in FOREIGN[:5]:
        assert status(webserver, "/server_info", header) == 400
        assert status(webserver, "/graphql", header) == 400
        assert status(webserver, "/graphql", header, WEBSOCKET) == 403
