"""`analytics-etl import-schemas`: folders, an Iglu registry and git histories become events, once, or nothing does."""

import csv
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from commands import variables
from conftest import REAL_DATA, needs_real_data
from events import ask, declared, load, write
from reading import read

from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

TABLE = "registry.module_versions"
DAY = date(2025, 3, 10)
ONE = 'syntax = "proto3";\npackage shop.v1;\nmessage Order {\n  string id = 1;\n}\n'
TWO = ONE.replace("}", "  string note = 2; // caf\u00e9\n}")
DATES = ("2025-03-10T10:00:00+00:00", "2025-03-10T11:30:00+02:00", "2025-03-11T08:00:00+00:00")


def put(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def imported(*arguments: str | Path | date, to: Path) -> Result:
    runner = CliRunner(env={"COLUMNS": "200"})
    return runner.invoke(main, ["import-schemas", *map(str, arguments), "--to", str(to)])


def events(landing: Path) -> list[dict[str, Any]]:
    files = sorted((landing / "module_versions").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def named(landing: Path) -> list[tuple[str, str, str | None, str]]:
    return [(e["module_name"], e["version"], e["previous_version"], e["registered_at"]) for e in events(landing)]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A module of three versions, with what belongs to none of them."""
    return put(
        tmp_path / "orders",
        {
            "1.9.0/shop/v1/order.proto": ONE, "1.10.0/shop/v1/order.proto": TWO, "1.10.0/shop/v1/.hidden.proto": "x",
            "1.10.0-rc1/shop/v1/order.proto": TWO, "1.10.0/README.md": "text", "docs/a.md": "text", ".git/a.proto": "x",
            "CHANGES": "text",
        },
    )  # fmt: skip


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def test_a_folder_for_each_version(orders: Path, landing: Path) -> None:
    done = imported(orders, "--registered-at", DAY, "--organization", "acme", to=landing)
    assert done.exit_code == 0, done.output
    assert "wrote 3 versions to" in done.stdout
    assert "backfill 2025-03-10 2025-03-10 --family registry" in done.stdout
    assert named(landing) == [
        ("orders", "1.9.0", None, "2025-03-10T00:00:00.000000Z"),
        ("orders", "1.10.0-rc1", "1.9.0", "2025-03-10T00:00:00.000001Z"),
        ("orders", "1.10.0", "1.10.0-rc1", "2025-03-10T00:00:00.000002Z"),
    ]
    [first, *_, last] = events(landing)
    assert (first["format"], first["organization_id"]) == ("protobuf", "acme")
    assert last["files"] == {"shop/v1/order.proto": TWO}
    assert last["size_bytes"] == len(TWO.encode())


def test_again_nothing_is_written_and_then_what_is_new(orders: Path, landing: Path) -> None:
    imported(orders, "--registered-at", DAY, to=landing)
    before = events(landing)
    done = imported(orders, "--registered-at", DAY, to=landing)
    assert (done.exit_code, done.stdout) == (0, "nothing to write; 3 versions had been imported before\n")
    assert events(landing) == before
    put(orders, {"2.0.0/shop/v1/order.proto": ONE, "1.9.0/shop/v1/order.proto": ONE + "// mended\n"})
    done = imported(orders, "--registered-at", DAY, to=landing)
    assert "wrote 2 versions to" in done.stdout
    assert "; 2 versions had been imported before" in done.stdout
    assert [name for _, name, *_ in named(landing)] == ["1.9.0", "1.10.0-rc1", "1.10.0", "1.9.0", "2.0.0"]
    assert len({event["event_id"] for event in events(landing)}) == 5
    other = imported(orders, "--registered-at", DAY, "--module", "other", to=landing)
    assert "wrote 4 versions" in other.stdout


def test_a_file_of_an_import_that_was_changed(orders: Path, landing: Path) -> None:
    put(
        landing,
        {"module_versions/imported-0.ndjson": '{"event_id": "a"}\n{"event', "module_versions/other.ndjson": "x"},
    )
    done = imported(orders, "--registered-at", DAY, to=landing)
    assert (done.exit_code, "imported-0.ndjson is not as an import has written it" in done.stderr) == (1, True)
    assert len(list((landing / "module_versions").iterdir())) == 2


def test_one_import_gives_one_file_wherever_it_runs(orders: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        imported(orders, "--registered-at", DAY, to=tmp_path / name)
    a, b = (list((tmp_path / name / "module_versions").iterdir()) for name in ("a", "b"))
    assert [path.name for path in a] == [path.name for path in b]
    assert a[0].read_bytes() == b[0].read_bytes()


def test_a_file_of_times(orders: Path, landing: Path) -> None:
    times = orders.parent / "times.csv"
    times.write_text(
        "\ufeffversion,registered_at,module_name\n1.9.0,2024-01-02T03:04:05+01:00,orders\n1.10.0,2025-01-02T03:04:05Z,\n"
        "1.9.0,2020-01-01T00:00:00Z,others\n"
    )
    done = imported(orders, "--times", times, to=landing)
    assert done.exit_code == 1
    assert "orders 1.10.0-rc1: has no time in the file of times" in done.stderr
    assert "1 version cannot be imported, so nothing was; to import the others: --leave-out" in done.stderr
    assert not landing.exists()
    done = imported(orders, "--times", times, "--registered-at", DAY, to=landing)
    assert done.exit_code == 0, done.output
    assert [at for *_, at in named(landing)] == [
        "2024-01-02T02:04:05.000000Z", "2025-03-10T00:00:00.000001Z", "2025-01-02T03:04:05.000000Z",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("version\n1\n", "has no column registered_at"),
        ("version,registered_at\n1,2025-01-01T00:00:00\n", "times.csv:2: '2025-01-01T00:00:00' is no time with a zone"),
        ("version,registered_at\n1,soon\n", "'soon' is no time with a zone"),
        (b"version,registered_at\n\xff,\n", "cannot be read as CSV"),
    ],
)
def test_a_broken_file_of_times(orders: Path, landing: Path, content: str | bytes, said: str) -> None:
    put(orders.parent, {"times.csv": content})
    done = imported(orders, "--times", orders.parent / "times.csv", to=landing)
    assert done.exit_code == 1
    assert said in done.stderr


def test_what_cannot_be_imported_is_named_and_may_be_left_out(tmp_path: Path, landing: Path) -> None:
    outside = put(tmp_path / "outside", {"secret.proto": ONE}) / "secret.proto"
    module = put(
        tmp_path / "m",
        {
            "1/a.proto": ONE, "2/a.proto": b"\xff", "4/a.proto": "a\0b", f"{'6' * 101}/a.proto": ONE,
            "7/a:b.proto": ONE,
        },
    )  # fmt: skip
    (module / "8").mkdir()
    (module / "8" / "a.proto").symlink_to(outside)
    (module / "9").mkdir()
    (module / "9" / "a.proto").symlink_to("../1/a.proto")
    (module / "9" / "folder").symlink_to(outside.parent)
    done = imported(module, "--registered-at", DAY, to=landing)
    assert done.exit_code == 1
    reasons = {
        "2": "a.proto is not UTF-8: byte 0 cannot be read",
        "4": "the source holds a NUL byte, which text must not",
        "6" * 101: "the name of the version has 101 characters, expected at most 100",
        "7": "'a:b.proto' is no name of a file in a version: it has a control character, a backslash or a colon",
        "8": f"a.proto is a link that leaves {module}",
    }
    for version, why in reasons.items():
        assert f"m {version}: {why}\n" in done.stderr
    assert not landing.exists()
    done = imported(module, "--registered-at", DAY, "--leave-out", to=landing)
    assert done.exit_code == 0, done.output
    assert {e["version"]: list(e["files"]) for e in events(landing)} == {"1": ["a.proto"], "9": ["a.proto"]}


def test_a_version_that_is_too_large_is_imported_without_its_files(tmp_path: Path, landing: Path) -> None:
    """So the catalogue has a row that says it could not be read. The file of 50 MB is not read."""
    module = put(tmp_path / "m", {"1/a.proto": ONE, "2/a.proto": "x" * 999_986, "3/a.proto": "", "4/a.proto": ""})
    for version, size in (("3", 50 << 20), ("4", 1_000_000_001)):
        with (module / version / "a.proto").open("r+b") as large:
            large.truncate(size)
    done = imported(module, "--registered-at", DAY, "--leave-out", to=landing)
    assert done.exit_code == 0, done.output
    assert [line for line in done.stderr.splitlines() if "importing" not in line] == [
        "✗ m 4: has 1,000,000,001 bytes of source, expected at most 1,000,000,000",
        "! m 2: 999,986 bytes of source are too many, the catalogue will say so",
        "! m 3: 52,428,800 bytes of source are too many, the catalogue will say so",
    ]
    found = [(event["version"], list(event["files"]), event["size_bytes"]) for event in events(landing)]
    assert found == [("1", ["a.proto"], len(ONE)), ("2", [], 999_986), ("3", [], 52_428_800)]
    [file] = (landing / "module_versions").iterdir()
    rows = read(tmp_path / "read", {file.name: file.read_bytes()}, DAY, contract=declared().contracts[TABLE])
    assert (len(rows.rows), rows.rejected) == (3, [])
    again = imported(module, "--registered-at", DAY, "--leave-out", to=landing)
    assert "3 versions had been imported before" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["orders"], "say when the versions were registered: --registered-at TIME, or --times FILE", 2),
        (["orders", "--registered-at", "soon"], "soon", 2),
        (["nowhere", "--registered-at", "2025-03-10"], "nowhere is no folder", 1),
        (["empty", "--registered-at", "2025-03-10"], "has no folder with a .proto, .avsc or .json file", 1),
        (["mixed", "--registered-at", "2025-03-10"], "has files of several formats; name one: --schema-format", 1),
        (["orders", "--registered-at", "2025-03-10", "--folder", "a"], "--folder is a folder in a repository", 2),
        (["orders", "--git", "tags", "--layout", "iglu"], "give one of them", 2),
        (["empty", "--git", "tags"], "cannot be read by git: fatal: not a git repository", 1),
        (["orders", "--registered-at", "2025-03-10", "--schema-format", "avro"], "has no folder with .avsc files", 1),
    ],
)
def test_what_is_typed_wrongly(
    orders: Path, landing: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str, code: int
) -> None:
    put(orders.parent / "mixed", {"1/a.proto": ONE, "1/a.avsc": "{}"})
    (orders.parent / "empty").mkdir()
    monkeypatch.chdir(orders.parent)
    done = imported(*arguments, to=landing)
    assert (done.exit_code, said in done.stderr) == (code, True), done.output
    assert not landing.exists()


def test_a_registry_of_json_schemas(tmp_path: Path, landing: Path) -> None:
    registry = put(
        tmp_path / "schemas",
        {
            "com.acme/order/jsonschema/1-0-2": "{}", "com.acme/order/jsonschema/1-0-10": '{"a": 1}',
            "com.acme/order/jsonschema/draft": "{}", "com.acme/order/jsonpaths/1-0-0": "{}",
            "org.other/thing/jsonschema/2-0-0": "{}",
        },
    )  # fmt: skip
    done = imported(registry, "--registered-at", DAY, to=landing)
    assert done.exit_code == 0, done.output
    assert [event[:3] for event in named(landing)] == [
        ("com.acme/order", "1-0-2", None), ("com.acme/order", "1-0-10", "1-0-2"), ("org.other/thing", "2-0-0", None),
    ]  # fmt: skip
    assert events(landing)[1]["files"] == {"order.json": '{"a": 1}'}
    assert events(landing)[1]["format"] == "json_schema"
    refused = imported(registry, "--registered-at", DAY, "--module", "m", to=landing)
    assert "it takes no --module" in refused.stderr


# -- git ---------------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str, at: str = DATES[0]) -> None:
    who = {f"GIT_{role}_{what}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, **who},
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits with schemas, one without; two tags."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for number, (files, at) in enumerate(
        [
            ({"proto/shop/v1/order.proto": ONE, "a.txt": "1"}, DATES[0]),
            ({"a.txt": "2"}, DATES[0]),
            ({"proto/shop/v1/order.proto": TWO}, DATES[1]),
            ({"proto/shop/v1/\u00e9 b.proto": ONE.replace("Order", "Other")}, DATES[2]),
        ]
    ):
        put(folder, files)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"number {number}", at=at)
        if number == 1:
            git(folder, "tag", "v1.0.0")
    git(folder, "tag", "-a", "-m", "second", "v1.1.0", at="2025-03-12T00:00:00+00:00")
    return folder


def test_tags_of_a_repository(repository: Path, landing: Path) -> None:
    done = imported(repository, "--git", "tags", "--folder", "proto/", "--module", "acme.orders", to=landing)
    assert done.exit_code == 0, done.output
    assert named(landing) == [
        ("acme.orders", "v1.0.0", None, "2025-03-10T10:00:00.000000Z"),
        ("acme.orders", "v1.1.0", "v1.0.0", "2025-03-12T00:00:00.000000Z"),
    ]
    assert events(landing)[0]["files"] == {"shop/v1/order.proto": ONE}
    assert sorted(events(landing)[1]["files"]) == ["shop/v1/order.proto", "shop/v1/\u00e9 b.proto"]


def test_a_history_that_is_taken_over(repository: Path, landing: Path) -> None:
    """All versions are registered on one day, and say when they were published."""
    early = imported(repository, "--git", "tags", "--registered-at", "2025-03-11", to=landing)
    assert "v1.1.0: is of 2025-03-12T00:00:00Z, which is after it was registered" in early.stderr
    assert not landing.exists()
    done = imported(repository, "--git", "tags", "--registered-at", "2025-03-12", to=landing)
    assert done.exit_code == 0, done.output
    assert [(event["version"], event["registered_at"], event["published_at"]) for event in events(landing)] == [
        ("v1.0.0", "2025-03-12T00:00:00.000000Z", "2025-03-10T10:00:00.000000Z"),
        ("v1.1.0", "2025-03-12T00:00:00.000001Z", "2025-03-12T00:00:00.000000Z"),
    ]


def test_commits_of_a_repository(repository: Path, landing: Path) -> None:
    done = imported(repository, "--git", "commits", to=landing)
    assert done.exit_code == 0, done.output
    found = named(landing)
    assert [at for *_, at in found] == [
        "2025-03-10T10:00:00.000000Z", "2025-03-10T09:30:00.000000Z", "2025-03-11T08:00:00.000000Z",
    ]  # fmt: skip
    assert [before for _, _, before, _ in found] == [None, found[0][1], found[1][1]]
    assert {(module, len(version)) for module, version, *_ in found} == {("repository", 12)}
    assert list(events(landing)[1]["files"]) == ["proto/shop/v1/order.proto"]


def test_a_repository_that_cannot_be_imported(repository: Path, landing: Path) -> None:
    (repository / "proto" / "link.proto").symlink_to("/etc/hostname")
    put(repository, {"proto/a.proto": b"\xff"})
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "bad")
    git(repository, "tag", "v2.0.0", at=DATES[2])
    done = imported(repository, "--git", "tags", to=landing)
    assert done.exit_code == 1
    assert "repository v2.0.0: proto/link.proto is a link, which is not followed" in done.stderr
    for arguments, said in (
        (("--folder", "other"), "has no .proto, .avsc or .json file in its newest version"),
        (("--schema-format", "avro"), "has no .avsc file in any of its tags"),
    ):
        assert said in imported(repository, "--git", "tags", *arguments, to=landing).stderr
    git(repository, "tag", "-d", "v1.0.0", "v1.1.0", "v2.0.0")
    assert "has no tags; import its commits: --git commits" in imported(repository, "--git", "tags", to=landing).stderr


def test_a_repository_runs_no_program_of_its_own(repository: Path, landing: Path) -> None:
    ran = repository.parent / "ran"
    program = put(repository, {"run.sh": f"#!/bin/sh\ntouch {ran}\n"}) / "run.sh"
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external"):
        git(repository, "config", name, str(program))
    assert imported(repository, "--git", "commits", to=landing).exit_code == 0
    assert not ran.exists()


# -- loading ----------------------------------------------------------------------------------------------------------


def test_an_import_is_loaded_once(orders: Path, database: Database, settings: Settings) -> None:
    arguments = ["import-schemas", str(orders), "--registered-at", f"{DAY}T12:00:00Z"]
    runner = CliRunner(env={"COLUMNS": "200", **variables(settings)})
    assert runner.invoke(main, arguments).exit_code == 0
    write(settings, "module_versions/again.ndjson", events(settings.landing_dir)[:1])
    [loaded], _ = load(database, TABLE)
    assert (loaded.rows, loaded.duplicates, loaded.conflicting) == (3, 1, 0)
    found = ask(
        settings.database_url,
        f"select version, files ->> 'shop/v1/order.proto' as text from {TABLE} order by registered_at",
    )
    assert found == [
        {"version": "1.9.0", "text": ONE}, {"version": "1.10.0-rc1", "text": TWO}, {"version": "1.10.0", "text": TWO},
    ]  # fmt: skip


def unpacked(archive: str, folder: Path) -> Path:
    with tarfile.open(REAL_DATA / archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@needs_real_data
def test_the_history_of_real_protobuf_files(tmp_path: Path, landing: Path) -> None:
    module = unpacked("protos/googleapis-common-protos.tar.xz", tmp_path) / "googleapis-common-protos"
    done = imported(module, "--registered-at", DAY, to=landing)
    assert done.exit_code == 0, done.output
    [file] = (landing / "module_versions").iterdir()
    found = read(tmp_path / "read", {file.name: file.read_bytes()}, DAY, contract=declared().contracts[TABLE])
    assert (len(found.rows), found.rejected) == (18, [])
    versions = [row["version"] for row in sorted(found.rows, key=lambda row: row["registered_at"])]
    assert versions == sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


@needs_real_data
def test_a_real_registry_of_json_schemas_with_its_times(tmp_path: Path, landing: Path) -> None:
    registry = unpacked("iglu_central/schemas.tar.xz", tmp_path) / "schemas"
    times = tmp_path / "times.csv"
    with (REAL_DATA / "iglu_central" / "publish_events.csv").open() as source, times.open("w") as target:
        target.write("module_name,version,registered_at\n")
        for row in csv.DictReader(source):
            if (row["action"], row["format"]) == ("publish", "jsonschema"):
                version = "-".join(row[part] for part in ("model", "revision", "addition"))
                target.write(f"{row['vendor']}/{row['name']},{version},{row['commit_time']}\n")
    done = imported(registry, "--times", times, "--leave-out", to=landing)
    assert done.exit_code == 0, done.output
    found = events(landing)
    assert len(found) > 600
    assert min(event["registered_at"] for event in found) == "2014-06-19T11:42:20.000000Z"
    assert len({(event["module_name"], event["version"]) for event in found}) == len(found)
