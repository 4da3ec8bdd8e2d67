"""Files that appear whole or not at all leave nothing behind, and are not taken away from whoever is writing them."""

import errno
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from dagster import DagsterInstance

from analytics_etl.config.settings import Settings
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.orchestration import own_runs
from analytics_etl.pipeline.reports import write_index

WRITE_FOR_EVER = """
import sys, time
from pathlib import Path
from analytics_etl.disk.whole_files import whole_file
path = Path(sys.argv[1])
with whole_file(path, path.parent) as part:
    part.write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "reports" / "registry" / "daily"
    path.mkdir(parents=True)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_kill_left_is_removed_and_what_is_being_written_is_not(folder: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(folder / "a.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        part = f".a.json.{writer.pid}.part"
        write_index(folder.parent.parent)
        with whole_file(folder / "a.json", folder) as mine:
            mine.write_text("whole")
        assert names(folder) == [part, "a.json"]
        writer.kill()
    assert names(folder) == [part, "a.json"]
    write_index(folder.parent.parent)
    assert names(folder) == ["a.json"]
    assert (folder / "a.json").read_text() == "whole"
    assert names(folder.parent.parent) == ["index.html", "index.json", "overview.html", "overview.json", "registry"]


def test_a_full_disk_leaves_nothing_behind(folder: Path) -> None:
    (folder / "a.json").write_text("old")

    def write() -> None:
        with whole_file(folder / "a.json", folder) as part:
            part.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert names(folder) == ["a.json"]
    assert (folder / "a.json").read_text() == "old"


def test_only_leftovers_of_ours_are_removed(folder: Path) -> None:
    others = ["a.json.part", ".a.json.part", ".b.json.7.part", ".a.json.7.part.gz", "7.part"]
    for name in [*others, ".a.json.7.part"]:
        (folder / name).write_text("")
    remove_leftovers(folder, "a.json")
    assert names(folder) == sorted(others)
    (folder / ".c.json.7.part").symlink_to("a.json.part")
    (folder / ".d.json.7.part").mkdir()
    remove_leftovers(folder)
    assert names(folder) == sorted({*others, ".c.json.7.part", ".d.json.7.part"} - {".b.json.7.part"})


def test_every_writer_removes_what_was_left(tmp_path: Path, folder: Path) -> None:
    """Reports and their index, Dagster's own runs, sample events."""
    day = date(2025, 3, 10)
    settings = Settings(home=tmp_path / "home", landing_dir=tmp_path / "landing")
    runs = settings.own_runs_dir / own_runs.FOLDER
    sample = tmp_path / "landing" / "download_events"
    left = [
        folder / ".2025-03-09.html.7.part", folder.parent.parent / ".index.html.7.part",
        runs / ".2025-03-09.ndjson.7.part", sample / ".2025-03-10.ndjson.7.part",
    ]  # fmt: skip
    for part in left:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("half")
    write_index(folder.parent.parent)
    (runs / f"{day}.ndjson").write_text("")
    with DagsterInstance.ephemeral() as instance:  # the day is there, so nobody is asked
        own_runs.export_day(instance, settings, day, datetime(2025, 3, 12, tzinfo=UTC))
    write_sample(tmp_path / "landing", SampleOptions(day, days=1, events_per_day=100, file_format="ndjson"))
    assert [part for part in left if part.exists()] == []


def test_two_writers_of_one_file(folder: Path) -> None:
    """Whoever is last wins, whole; many at once lose nothing and leave nothing."""
    script = """
import sys
from pathlib import Path
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
path = Path(sys.argv[1])
for _ in range(200):
    with whole_file(path, path.parent) as part:
        part.write_text(sys.argv[2] * 10_000)
    remove_leftovers(path.parent)
"""
    path = folder / "a.json"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(path), letter]) for letter in "abc"]
    until = time.monotonic() + 60
    while any(writer.poll() is None for writer in writers) and time.monotonic() < until:
        text = path.read_text() if path.exists() else "a" * 10_000
        assert text in {letter * 10_000 for letter in "abc"}
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert names(folder) == ["a.json"]
