"""However much rubbish there is, little of it is in memory at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Server
from events import DAY, DOWNLOADS, Event, ask, csv_text, download, ndjson

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.landing import list_files
from analytics_etl.landing.reader import LandingReader
from analytics_etl.landing.rejections import REJECTED_AT_ONCE

LOAD_AND_MEASURE = """
import resource, sys
from datetime import date
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from events import load
from conftest import settings_in
from analytics_etl.postgres.database import Database
load(Database(settings_in(Path(sys.argv[2]), sys.argv[3])))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


BAD: dict[str, tuple[str, bytes]] = {
    # kind of defect: file, a bad line
    "values": ("a.ndjson", ndjson([download(1, file_size=-1, user_agent="x" * 400)])),
    "bytes": ("a.ndjson", ndjson([download(1, user_agent="x" * 400)]).replace(b"go", b"\xff")),
    "fields": ("a.csv", b"x," * 200 + b"\n"),
}


def write_bad(folder: Path, kind: str, count: int) -> None:
    name, bad = BAD[kind]
    path = folder / "landing" / "download_events" / name
    path.parent.mkdir(parents=True)
    path.write_bytes((csv_text if name.endswith("csv") else ndjson)([download(2)]) + bad * count)


@pytest.mark.parametrize("kind", BAD)
def test_few_rejected_rows_are_held_at_once(tmp_path: Path, catalog: Catalog, kind: str) -> None:
    write_bad(tmp_path, kind, 30_000)
    held = []
    with LandingReader(catalog.contracts[DOWNLOADS], {}, {DAY}, tmp_path / "tmp", 256) as reader:
        [file] = list_files(tmp_path / "landing", "download_events", frozenset())
        numbers = []
        for rows in reader.read([file]):
            held.append(len(rows.rejected))
            numbers += [row.line or 0 for _, row in rows.rejected]
        [report] = reader.reports
    assert max(held) <= REJECTED_AT_ONCE
    first = 3 if kind == "fields" else 2
    assert sorted(numbers) == list(range(first, first + 30_000))
    assert report.rejected.total() == 30_000
    assert list((tmp_path / "tmp").iterdir()) == []


def memory_used(server: Server, folder: Path, row: Event, count: int) -> int:
    """MB at most in memory while a file with so many rows is loaded."""
    url = server.clone()
    path = folder / "landing" / "download_events" / "a.ndjson"
    path.parent.mkdir(parents=True)
    path.write_bytes(ndjson([row]) * count)
    command = [sys.executable, "-c", LOAD_AND_MEASURE, str(Path(__file__).parent.parent), str(folder), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = ask(
        url, f"select (select count(*) from ops.rejected_rows) as bad, (select count(*) from {DOWNLOADS}) as good"
    )
    assert found == [{"bad": count, "good": 0} if row["file_size"] < 0 else {"bad": 0, "good": 1}]
    server.drop(url)
    path.unlink()
    return int(done.stdout.split()[-1])


def test_rejected_rows_take_no_more_memory_than_good_ones(server: Server, tmp_path: Path) -> None:
    long = download(1, user_agent="x" * 400)
    good = memory_used(server, tmp_path / "good", long, 40_000)
    bad = memory_used(server, tmp_path / "bad", {**long, "file_size": -1}, 40_000)
    assert bad < good + 60, (bad, good)
