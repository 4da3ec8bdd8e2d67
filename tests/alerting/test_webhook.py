"""Requests to webhooks and heartbeats: proxies, redirects, servers that do not answer, and no secret in a log."""

import logging
import os
import socket
import threading

import pytest
from notification_servers import PASSWORD, http_server

from analytics_etl.alerting import request_parts, send_http, webhook


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_no_log_has_a_secret_of_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with http_server() as hook:
        _, url, headers, _ = request_parts(hook.url)
        assert send_http("POST", url, headers, b"1") is None
        hook.status = 500
        assert "HTTP 500" in (send_http("GET", url, headers) or "")
    assert [(path, sent["Authorization"]) for path, sent, _ in hook.requests] == [
        ("/hook/t0ken-path?key=t0ken-query", hook.authorization)
    ] * 2
    assert "t0ken" not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_proxy_is_asked_unless_the_host_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as proxy, http_server() as hook:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert send_http("POST", "http://hook.invalid/a?b=c", {}, b"1") is None
        assert [path for path, _, _ in proxy.requests] == ["http://hook.invalid/a?b=c"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert send_http("POST", f"http://127.0.0.1:{hook.port}/a", {}, b"1") is None
        assert [path for path, _, _ in hook.requests] == ["/a"]
        assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://me:hunter2@127.0.0.1:1", "Connection refused"),
        ("gopher://me:hunter2@proxy", "Unknown scheme for proxy"),
        ("http://me:hunter2@proxy:port", "Invalid port"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, proxy: str, said: str) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with http_server() as hook:
        found = send_http("GET", hook.url, {}) or ""
    assert said in found
    assert "hunter2" not in found


@pytest.mark.parametrize("status", [301, 302])
def test_a_redirect_is_not_followed(status: int) -> None:
    with http_server() as hook:
        hook.status = status
        assert f"HTTP {status}" in (send_http("POST", hook.url, {}, b"1") or "")
    assert len(hook.requests) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = send_http("POST", f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, b"1")
    assert said == "timed out"


def test_an_answer_is_not_read_to_its_end() -> None:
    """It may be as long as its server likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nfirst")
                connection.recv(65_536)

        thread = threading.Thread(target=answer)
        thread.start()
        assert send_http("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", {}) is None
        thread.join()
