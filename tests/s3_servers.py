"""A real S3 server on this machine (moto's), and faults before it: it is busy, slow, or answers and takes the half."""

import io
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY_ID, SECRET = "AKIATESTTESTTEST", "Geheim7Wort/Schluessel"
_SLOW_SECONDS = 0.2
_SLOW_PARTS = 4

Answer = Iterable[bytes]
Plan = Callable[[int, str, str], str | None]
"""(number of the request, method, path with its query) -> the fault it meets, or None."""

FAULTS = ("busy", "slow", "half answer", "half request", "lost answer")
"""What a load survives. Others: "other bytes" arrive, "denied", "not implemented", and "halt" until `go_on`."""


def every(number: int, *faults: str) -> Plan:
    """A plan in which each n-th request meets the next one of some faults."""

    def plan(count: int, _method: str, _path: str) -> str | None:
        return faults[count // number % len(faults)] if count % number == number - 1 else None

    return plan


def twice(fault: str) -> Plan:
    """A plan in which each different request meets a fault twice, and then gets through."""
    seen: Counter[tuple[str, str]] = Counter()

    def plan(_count: int, method: str, path: str) -> str | None:
        request = method, re.sub("uploadId=[^&]*", "", path)
        seen[request] += 1
        return fault if seen[request] <= 2 else None

    return plan


class S3Server:
    """The server, and what happened to its requests."""

    def __init__(self) -> None:
        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self.plan: Plan = lambda *_: None
        self.tells_checksums = True
        self.requests = 0
        self.met: Counter[str] = Counter()
        """{fault: how many requests met it}."""
        self.arrived, self.go_on = threading.Event(), threading.Event()
        """Of the fault "halt": a request is halted, and may go on."""
        self.endpoint = ""
        self.bucket = f"analytics-{uuid4().hex[:8]}"  # moto keeps its buckets as long as the process lives
        self.url = f"s3://{self.bucket}/lake"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        with self._lock:
            fault = self.plan(self.requests, environ["REQUEST_METHOD"], environ["RAW_URI"])
            self.requests += 1
            self.met.update([fault] if fault else [])
        if fault == "busy":
            return _refusal(start_response, "503 Slow Down", "SlowDown")
        if fault == "not implemented":
            return _refusal(start_response, "501 Not Implemented", "NotImplemented")
        if fault == "denied":
            return _refusal(start_response, "403 Forbidden", "AccessDenied")
        if fault == "half request":
            self._cut(environ)
        if fault == "other bytes":
            content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(content[::-1])
        if fault == "halt":
            self.arrived.set()
            self.go_on.wait(60)
        if fault == "lost answer":
            list(self._app(environ, lambda *_: None))
            return _refusal(start_response, "503 Slow Down", "SlowDown")
        answer = self._app(environ, start_response if self.tells_checksums else _without_checksums(start_response))
        if fault == "half answer":
            content = b"".join(answer)
            return [content[: -(-len(content) // 2)]]
        return _slowly(b"".join(answer)) if fault == "slow" else answer

    def _cut(self, environ: dict[str, Any]) -> None:
        """Let the server have the first half of the body, as if it were all."""
        length = int(environ.get("CONTENT_LENGTH") or 0) // 2
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        environ["CONTENT_LENGTH"] = str(length)

    @contextmanager
    def listening(self) -> Iterator[None]:
        class Quiet(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                """Not on our standard error."""

        server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            self.go_on.set()
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def client(self) -> Any:
        return boto3.Session().client("s3")

    def keys(self) -> list[str]:
        """The names of all objects, without the prefix of the lake."""
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return sorted(item["Key"].removeprefix("lake/") for item in found)

    def content(self, path: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=f"lake/{path}")["Body"].read()
        return body

    def put(self, path: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"lake/{path}", Body=content)


def _refusal(start_response: Callable[..., Any], status: str, code: str) -> Answer:
    content = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
    return [content]


def _without_checksums(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """As servers answer that keep no checksums."""

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        kept = [(name, value) for name, value in headers if not name.lower().startswith("x-amz-checksum")]
        return start_response(status, kept, *rest)

    return start


def _slowly(content: bytes) -> Iterator[bytes]:
    part = len(content) // _SLOW_PARTS + 1
    for start in range(0, len(content), part):
        time.sleep(_SLOW_SECONDS)
        yield content[start : start + part]


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server with an empty bucket, which the environment names."""
    server = S3Server()
    with server.listening():
        environment = {
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        server.client.create_bucket(Bucket=server.bucket)
        yield server
