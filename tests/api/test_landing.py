"""Posting records: what is answered 202 is loaded, once; what is refused is refused as a load would."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from commands import variables
from conftest import Server, settings_in
from events import DAY, Event, ask, download, load, record, rejected, usage, write
from served import serving

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.ops import api_tokens
from analytics_etl.pipeline import posting, spool
from analytics_etl.postgres.database import Database

DOWNLOADS = "/api/v1/landing/registry.download_events"


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, httpx.Client]]:
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("posting"), url)
    with serving(settings) as client:
        yield settings, client
    server.drop(url)


def landed(settings: Settings, table: str) -> list[Event]:
    """The records of a table that are on disk, in the order of their ids."""
    folder = settings.landing_dir / table
    files = [*folder.rglob("*.ndjson"), *folder.glob(".posted-*")]
    found = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return sorted(found, key=lambda event: str(event["event_id"]))


def test_each_route_takes_records_of_its_table(served: tuple[Settings, httpx.Client]) -> None:
    settings, client = served
    plain = record(1, "mongo")
    of_tier = {name: value for name, value in plain.items() if name != "schedule_type"}
    usages = [usage(number, DAY) for number in (1, 2)]
    for path, body, table in [
        ("/api/v1/usage/events", usages, "schema_usage_events"),
        ("/api/v1/schedule-analytics/", plain, "schedule_events"),
        ("/api/v1/schedule-analytics/mongo/execution", {**of_tier, "event_id": str(UUID(int=2))}, "schedule_events"),
    ]:
        answer = client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        ids = [event["event_id"] for event in (body if isinstance(body, list) else [body])]  # type: ignore[index]
        assert answer.json() == {"accepted": len(ids), "event_ids": ids}
        assert {event["event_id"] for event in landed(settings, table)} >= set(ids)
    assert landed(settings, "schedule_events")[0]["schedule_type"] == "mongo"
    refused = client.post("/api/v1/schedule-analytics/redis/processing", json=plain)
    assert (refused.status_code, "schedule_type: expected redis on this route" in refused.text) == (422, True)
    assert client.post("/api/v1/landing/registry.overview_daily", json={}).status_code == 404
    assert client.post(DOWNLOADS, content="{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_what_former_clients_post_is_taken(served: tuple[Settings, httpx.Client]) -> None:
    """Each example of the document, as it stands there."""
    _, client = served
    posted = []
    for path, item in client.get("/openapi.json").json()["paths"].items():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        if "example" in (body := content.get("application/json", {})):
            answer = client.post(path, json=body["example"])
            assert answer.status_code == 202, (path, answer.text)
            posted.append(path)
    assert len(posted) == 13


def test_wide_records_are_taken_as_files_of_their_form(server: Server, tmp_path: Path) -> None:
    """The reasons are those of a load, which makes a sample of each gauge that is given."""
    settings = settings_in(tmp_path, server.clone())
    at = {"timestamp": "2025-03-10T02:00:00Z"}
    wide = {**at, "id": "w1", "service_id": "play", "cpu_usage": 45.2, "error_rate": 0.02}
    path = "/api/v1/analytics/metrics"
    with serving(settings) as client:
        taken = client.post(path, json=[wide, {**wide, "id": None, "memory_usage": 70}])
        assert (taken.status_code, taken.json()["event_ids"][0]) == (202, "w1"), taken.text
        assert client.post(path, json=wide).status_code == 202  # again, which changes nothing
        business = {**at, "tenant_id": "acme", "revenue": 12.5, "currency": "EUR"}
        assert client.post("/api/v1/analytics/business", json=business).status_code == 202
        wrong = [{**wide, "cpu_usage": "much"}, {**at, "service_id": "play", "cpu": 1}, {**wide, "timestamp": "now"}]
        refused = client.post(path, json=wrong)
    assert [error["reason"].partition(", ")[0] for error in refused.json()["errors"]] == [
        "value: expected a number", "has no value for platform.metric_samples",
        "recorded_at: expected a timestamp with a time zone",
    ]  # fmt: skip
    load(Database(settings), "platform.metric_samples")
    found = ask(
        settings.database_url,
        "select name, value, unit, coalesce(labels ->> 'service_id', tenant_id) as about, count(*)::int as copies "
        "from platform.metric_samples group by 1, 2, 3, 4 order by 1",
    )
    assert [tuple(row.values()) for row in found] == [
        ("cpu_percent", 45.2, "percent", "play", 2), ("error_ratio", 0.02, "ratio", "play", 2),
        ("memory_percent", 70, "percent", "play", 1), ("revenue", 12.5, "EUR", "acme", 1),
    ]  # fmt: skip
    server.drop(settings.database_url or "")


def test_a_record_is_refused_for_the_reason_that_a_load_gives(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone())
    early, late = "0001-01-01T00:00:00Z", f"{datetime.now(UTC) + timedelta(days=2):%FT%TZ}"
    lines = [
        json.dumps(event)
        for event in (
            download(1, file_size=-1), download(2, file_size=1.5), download(3, downloaded_at="yesterday"),
            download(4, downloaded_at=early), download(5, success="perhaps"), download(6, module_name=None),
            download(7, event_id="x"), download(8, module_name="a\0b"), download(9, file_size="9" * 5_000),
            download(10, downloaded_at=late), download(11, module_name=["a"]),
        )
    ] + ['{"event_id": "' + str(uuid4()) + '", "file_size": 1e999}']  # fmt: skip
    with serving(settings) as client:
        reasons = [
            client.post(DOWNLOADS, content=line, headers={"Content-Type": "application/x-ndjson"}) for line in lines
        ]
        assert {answer.status_code for answer in reasons} == {422}
        whole = client.post(DOWNLOADS, content=f"[{','.join([json.dumps(download(20)), *lines])}]",
                            headers={"Content-Type": "application/json"})  # fmt: skip
    assert [error["where"] for error in whole.json()["errors"]] == [f"records.{n}" for n in range(1, len(lines) + 1)]
    assert landed(settings, "download_events") == []
    path = write(settings, "download_events/a.ndjson", "".join(f"{line}\n" for line in lines).encode())
    os.utime(path)
    load(Database(settings))
    given = [reason.partition(" is more than one day after")[0] for _, _, reason, _ in rejected(settings.database_url)]
    said = [answer.json()["errors"][0]["reason"].partition(" is more than one day after")[0] for answer in reasons]
    assert (said, len(said)) == (given, len(lines))
    server.drop(settings.database_url or "")


def test_a_body_is_refused_that_has_no_records(served: tuple[Settings, httpx.Client]) -> None:
    _, client = served
    bodies = [
        b"",
        b"[]",
        b"{",
        b"[1]",
        b"null",
        b"\xff",
        b"[{}",
        b"[" * 100_000,
        b'{"a": 1} {"b": 2}',
        b"[{} {}]",
        b"NaN",
    ]
    for body in bodies:
        answer = client.post(DOWNLOADS, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body[:20]


def test_a_request_that_is_sent_again_changes_nothing(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone())
    event = {name: value for name, value in download(1).items() if name != "event_id"}
    token = Database(settings).run(
        api_tokens.create, "test", "app", "ingest", datetime.now(UTC) + timedelta(days=1), None
    )[1]
    own, key = {"Authorization": f"Bearer {token}"}, {"Idempotency-Key": "one"}
    with serving(settings) as client:
        assert client.post(DOWNLOADS, json=event).status_code == 401
        assert client.get("/api/v1/pipeline/days", headers=own).status_code == 403
        once, twice = (client.post(DOWNLOADS, json=[event, event], headers={**own, **key}).json() for _ in range(2))
        other = client.post(DOWNLOADS, json=event, headers={**own, "Idempotency-Key": "other"}).json()
        free = [client.post(DOWNLOADS, json=event, headers=own).json()["event_ids"][0] for _ in range(2)]
    assert once == twice
    ids = {*once["event_ids"], *other["event_ids"], *free}
    assert len(ids) == 5
    load(Database(settings))
    found = ask(settings.database_url, "select event_id::text from registry.download_events")
    assert sorted(row["event_id"] for row in found) == sorted(ids)
    server.drop(settings.database_url or "")


def test_without_room_nothing_is_kept(served: tuple[Settings, httpx.Client], monkeypatch: pytest.MonkeyPatch) -> None:
    settings, client = served
    before = landed(settings, "download_events")
    with files_of_at_most(100):
        full = client.post(DOWNLOADS, json=[download(number) for number in range(100, 110)])
    assert (full.status_code, landed(settings, "download_events")) == (507, before)
    monkeypatch.setattr(posting, "MOST_WAITING", 0)
    busy = client.post(DOWNLOADS, json=download(100))
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")
    monkeypatch.undo()
    assert client.post(DOWNLOADS, json=download(100)).status_code == 202


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_files_are_closed_by_size_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_EVENTS", 3)
    monkeypatch.setattr(spool, "MOST_SECONDS", 0.2)
    file = spool.OpenFile(tmp_path, "t")
    file.append(["1", "2"])
    is_due = [file.is_due]
    file.append(["3"])
    assert [*is_due, file.is_due] == [False, True]
    file.close()
    [path] = (tmp_path / "t" / "api").rglob("*.ndjson")
    assert path.read_text() == "1\n2\n3\n"
    old = spool.OpenFile(tmp_path, "t")
    time.sleep(0.2)
    assert old.is_due
    assert spool.adopt(tmp_path, ["t"]) == 0  # its writer lives
    old.close()
    (tmp_path / "t" / ".posted-x.part").write_text("4\n5\n6")
    (tmp_path / "t" / ".posted-y.part").write_text("7")
    assert spool.adopt(tmp_path, ["t"]) == 1
    assert sorted(p.read_text() for p in (tmp_path / "t").rglob("*") if p.is_file()) == ["1\n2\n3\n", "4\n5\n"]


def test_a_post_that_is_given_up_and_a_file_that_cannot_be_closed_stop_nothing(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = catalog.contracts["registry.download_events"]
    monkeypatch.setattr(spool, "MOST_EVENTS", 1)
    (settings.landing_dir / "download_events").mkdir(parents=True)
    (settings.landing_dir / "download_events" / spool.FOLDER).write_text("no folder")
    posts = posting.Posting(settings)
    assert posts.post(contract, [json.dumps(download(1))]).cancel()
    kept = posts.post(contract, [json.dumps(download(2))])
    posts.start()
    assert kept.result(timeout=60) is None
    assert posts.post(contract, [json.dumps(download(3))]).result(timeout=60) is None
    (settings.landing_dir / "download_events" / spool.FOLDER).unlink()
    posts.close()
    assert [event["event_id"] for event in landed(settings, "download_events")] == [
        download(2)["event_id"], download(3)["event_id"],
    ]  # fmt: skip
    assert list((settings.landing_dir / "download_events").glob(".posted-*")) == []


def test_whoever_is_told_of_posts_and_fails_stops_none(
    settings: Settings, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("nobody listens")

    posts = posting.Posting(settings, fail)
    posts.start()
    for number in (1, 2):
        taken = posts.post(catalog.contracts["registry.download_events"], [json.dumps(download(number))])
        assert taken.result(timeout=60) is None
    posts.close()
    assert len(landed(settings, "download_events")) == 2
    assert caplog.text.count("not among the live samples") == 2


def test_a_killed_server_loses_nothing_it_has_taken(server: Server, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, server.clone())
    taken: list[str] = []
    with started(settings) as (process, url):
        stop = threading.Event()
        posters = [threading.Thread(target=post_until, args=(url, stop, taken)) for _ in range(4)]
        for poster in posters:
            poster.start()
        while len(taken) < 50:
            time.sleep(0.01)
        process.kill()
        process.wait()
        stop.set()
        for poster in posters:
            poster.join()
    with started(settings) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert list((settings.landing_dir / "download_events").glob(".posted-*")) == []
    load(Database(settings))
    found = ask(
        settings.database_url, "select event_id::text, count(*) as copies from registry.download_events group by 1"
    )
    assert {row["event_id"]: row["copies"] for row in found}.items() >= dict.fromkeys(taken, 1).items()
    assert {row["copies"] for row in found} == {1}
    assert rejected(settings.database_url) == []
    server.drop(settings.database_url or "")


def post_until(url: str, stop: threading.Event, taken: list[str]) -> None:
    """Post records one by one, and note the ids of those that were answered 202."""
    with httpx.Client(base_url=url, timeout=10) as client:
        while not stop.is_set():
            event = download(1, event_id=str(uuid4()))
            try:
                answer = client.post(DOWNLOADS, json=event)
            except httpx.HTTPError:  # killed
                continue
            if answer.status_code == 202:
                taken.append(str(event["event_id"]))


@contextmanager
def started(settings: Settings) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server in a process of its own, and its URL."""
    command = [sys.executable, "-m", "analytics_etl.cli", "serve", "--port", str(free_port())]
    environment = {**os.environ, **variables(settings)}
    with subprocess.Popen(command, cwd=CHECKOUT, text=True, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].removesuffix("/api/v1/pipeline/days,")
        while not is_ready(url):
            assert process.poll() is None
            time.sleep(0.05)
        yield process, url


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.HTTPError:  # not yet
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
