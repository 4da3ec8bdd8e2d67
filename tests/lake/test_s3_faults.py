"""Whatever an S3 server does to requests: rows and books are those without it, or the error changes nothing."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.retries.standard import ExponentialBackoff
from commands import call, variables
from conftest import Server, settings_in
from events import DAY, FILE, aggregate, all_tables, ask, download, load, many, rows_of, write
from s3_lakes import current, forget_copies, placed
from s3_servers import FAULTS, KEY_ID, SECRET, S3Server, every, twice

from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeError, bucket, open_lake, s3_requests
from analytics_etl.monitoring.doctor import services
from analytics_etl.pipeline import lake_upkeep
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

pytest_plugins = ["s3_fixtures"]

LOADER = """
import pickle, sys
from events import load
from analytics_etl.lake import bucket
from analytics_etl.postgres.database import Database
bucket._PART_BYTES = 5 << 20
load(Database(pickle.load(sys.stdin.buffer)))
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses before a request is repeated; how often that happens is as ever."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    monkeypatch.setattr(s3_requests, "_PAUSE_SECONDS", 0.01)


def books(url: str | None) -> list[dict[str, Any]]:
    """The current files without their content, whose rows may come in another order."""
    columns = "table_name, day, rows, contract_version, has_personal_data"
    return ask(url, f"select {columns} from ops.current_lake_files order by 1, 2")


def test_tables_and_books_equal_those_without_faults(
    on_s3: Settings, s3_database: Database, s3: S3Server, server: Server, tmp_path: Path
) -> None:
    quiet = settings_in(tmp_path / "quiet", server.clone(), families=FAMILIES_IN_USE)
    s3.plan = every(2, *FAULTS)
    for settings in (quiet, on_s3):
        write(settings, FILE, [download(n) for n in range(500)])
        load(Database(settings))
        forget_copies(settings)
        aggregate(Database(settings), DAY, DAY, ["day"], ["registry"])
    assert set(s3.met) == set(FAULTS)
    assert all_tables(on_s3) == all_tables(quiet)
    assert books(on_s3.database_url) == books(quiet.database_url)
    s3.plan = lambda *_: None
    assert services.lake(s3_database).is_well
    lake_upkeep.collect(s3_database, 0)
    assert s3.keys() == current(on_s3)
    server.drop(quiet.database_url or "")


@pytest.mark.parametrize("size", [100_000, 12 << 20], ids=["one request", "parts"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_comes_and_goes_whole_through_each_fault(
    on_s3: Settings, s3: S3Server, monkeypatch: pytest.MonkeyPatch, fault: str, size: int
) -> None:
    monkeypatch.setattr(bucket, "_PART_BYTES", 5 << 20)
    s3.plan = twice(fault)
    file = placed(on_s3, content := os.urandom(size))
    assert open_lake(on_s3).reread(file).read_bytes() == content
    assert s3.met[fault] > 0
    s3.plan = lambda *_: None
    assert s3.content(file.path) == content


def test_a_download_goes_on_where_it_was_cut_off(on_s3: Settings, s3: S3Server) -> None:
    file = placed(on_s3, content := os.urandom(1 << 20))
    before = s3.requests
    s3.plan = every(1, "half answer")
    assert open_lake(on_s3).reread(file).read_bytes() == content
    assert s3.requests - before == 21, "a half, a quarter, and so on to the last byte"


def test_what_arrives_as_other_bytes_is_noticed_where_the_server_tells_no_checksum(
    on_s3: Settings, s3: S3Server
) -> None:
    s3.tells_checksums = False
    s3.plan = twice("other bytes")
    file = placed(on_s3, content := os.urandom(10_000))
    assert s3.met["other bytes"] > 2
    assert s3.content(file.path) == content


def test_a_server_that_does_not_list_uploads_is_collected_all_the_same(
    on_s3: Settings, s3_database: Database, s3: S3Server
) -> None:
    file = placed(on_s3, b"rows")
    s3.plan = lambda _, __, path: "not implemented" if "?uploads" in path else None
    s3.client.put_object(Bucket=s3.bucket, Key=f"lake/{file.path}.notes", Body=b"not ours")
    assert lake_upkeep.collect(s3_database, 0).files == 1
    assert s3.met["not implemented"] == 1
    assert s3.keys() == [f"{file.path}.notes"]


@pytest.mark.parametrize("fault", ["busy", "denied", "half request", "halt", "no server"])
def test_a_server_that_never_does_better_is_named_and_nothing_is_changed(
    on_s3: Settings, s3_database: Database, s3: S3Server, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(bucket, "_UPLOADS", 2)
    monkeypatch.setattr(s3_requests, "TRIES", 2)
    monkeypatch.setattr(s3_requests, "_SILENT_SECONDS", 0.2)
    write(on_s3, FILE, [download(n) for n in range(10)])
    load(s3_database)
    before, rows = current(on_s3), rows_of(on_s3.database_url)
    write(on_s3, FILE, [download(n) for n in range(20)])
    s3.plan = every(1, fault)
    if fault == "no server":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://somebody:Geheim7Wort@127.0.0.1:1")
    with pytest.raises(LakeError) as raised:
        load(s3_database)
    said = str(raised.value)
    server = "http://127.0.0.1:1" if fault == "no server" else s3.endpoint
    expected = {
        "busy": f"{server} answered PutObject with 503 (SlowDown) again and again: type the command again later",
        "denied": f"{server} refused PutObject (AccessDenied): give the credentials of the environment the right to it",
        "half request": "did not arrive whole in 2 uploads: it has ",
        "halt": f"PutObject got no whole answer from {server} (ReadTimeoutError) after several tries: is it up",
        "no server": f"PutObject got no whole answer from {server} (EndpointConnectionError) after several tries",
    }
    assert said.startswith(f"{s3.url}/registry/download_events/day={DAY}/")
    assert expected[fault] in said
    assert (current(on_s3), rows_of(on_s3.database_url)) == (before, rows)
    finding = services.lake(s3_database)
    for text in (said, finding.detail):
        assert not [secret for secret in (KEY_ID, SECRET, "Geheim7Wort") if secret in text]
    if fault != "half request":  # a listing has no body
        assert not finding.is_well
        assert finding.detail.startswith(s3.url)
    s3.plan = lambda *_: None
    s3.go_on.set()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)
    load(s3_database)
    assert len(rows_of(on_s3.database_url)) == 20


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AWS_ACCESS_KEY_ID", None, "no credentials (NoCredentialsError): expected AWS_ACCESS_KEY_ID and "),
        ("AWS_ENDPOINT_URL_S3", "Geheim7Wort", "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is no address of a server"),
        ("AWS_PROFILE", "nobody", "no credentials (ProfileNotFound)"),
    ],
)
def test_wrong_credentials_and_addresses_are_told(
    on_s3: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, expected: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(LakeError) as raised:
        placed(on_s3, b"rows")
    assert expected in str(raised.value)
    assert "Geheim7Wort" not in str(raised.value)


def test_a_bucket_that_is_not_there_is_told(on_s3: Settings, s3: S3Server) -> None:
    s3.client.delete_bucket(Bucket=s3.bucket)
    with pytest.raises(LakeError, match=f"there is no bucket {s3.bucket} at {s3.endpoint}: make it, or correct"):
        placed(on_s3, b"rows")
    assert f"there is no bucket {s3.bucket}" in call("doctor", variables(on_s3)).output


@pytest.mark.parametrize("at", ["a part", "the end"])
def test_a_load_killed_in_the_middle_of_an_upload_leaves_nothing_that_counts(
    on_s3: Settings, s3_database: Database, s3: S3Server, at: str
) -> None:
    write(on_s3, FILE, [download(1)])
    load(s3_database)
    before = current(on_s3)
    write(on_s3, FILE, many(1, 30_000))
    wanted = ("PUT", "partNumber=2") if at == "a part" else ("POST", "?uploadId=")
    s3.plan = lambda _, method, path: "halt" if method == wanted[0] and wanted[1] in path else None
    folder = str(Path(__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-c", LOADER], stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": folder}
    ) as loader:
        assert loader.stdin is not None
        pickle.dump(on_s3, loader.stdin)
        loader.stdin.close()
        assert s3.arrived.wait(60)
        loader.kill()
    assert loader.returncode == -signal.SIGKILL
    s3.go_on.set()
    s3.plan = lambda *_: None
    assert current(on_s3) == before
    assert len(rows_of(on_s3.database_url)) == 1
    load(s3_database)
    assert len(rows_of(on_s3.database_url)) == 30_000
    lake_upkeep.collect(s3_database, 0)
    assert s3.keys() == current(on_s3)
    assert s3.client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads", []) == []
    assert list((on_s3.lake_copies_dir / "_staging").iterdir()) == []
