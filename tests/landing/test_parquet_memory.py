"""Parquet files, small on disk and large in memory: read in slices of bounded bytes, or rejected with a reason."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import DAY, at, event_id
from reading import read

READ_AND_MEASURE = """
import resource, sys
from datetime import date
from pathlib import Path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.landing import list_files
from analytics_etl.landing.reader import LandingReader
folder = Path(sys.argv[1])
contract = Catalog().contracts["registry.download_events"]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with LandingReader(contract, {}, {date.fromisoformat(sys.argv[2])}, folder / "tmp", 64) as reader:
    for found in reader.read(list_files(folder, "download_events", frozenset())):
        pass
    for report in reader.reports:
        print(report.file.path, report.state.state, report.valid.total(), report.rejected.total())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
ALLOWED = 3 * 64 + 200
"""MB beside what imports take, at a setting of 64 MB."""

FOUND = {
    # file: state, rows loaded, rows rejected
    "dictionary": ("read", 30_000, 0),
    "long_dictionary": ("rejected", 0, 0),
    "long_rows": ("read", 20_000, 0),
    "many_columns": ("read", 300, 0),
    "rejected": ("read", 0, 30_000),
}


def columns(count: int) -> dict[str, pa.Array]:
    first = {"downloaded_at": at(1), "module_name": "m", "version": "1", "file_size": 1, "success": True}
    same = {name: pa.array([value]).take(pa.array([0] * count)) for name, value in first.items()}
    return {"event_id": pa.array([event_id(number) for number in range(count)]), **same}


def coded(texts: list[str], count: int) -> pa.Array:
    """So many rows that are numbers of a few texts."""
    return pa.DictionaryArray.from_arrays(pa.array([n % len(texts) for n in range(count)], pa.int32()), pa.array(texts))


def write(folder: Path, kind: str) -> None:
    """A file of a kind of FOUND."""
    if kind == "dictionary":  # 600 MB when it is unpacked
        table = {**columns(30_000), "user_agent": coded([f"{n}" + "x" * 20_000 for n in range(50)], 30_000)}
    elif kind == "long_rows":  # 400 MB
        texts = pa.array([f"{n}" + "x" * 20_000 for n in range(4_000)])
        table = {**columns(20_000), "user_agent": texts.take(pa.array([n % 4_000 for n in range(20_000)]))}
    elif kind == "long_dictionary":  # 300 MB of it
        table = {**columns(15_000), "user_agent": coded([f"{n}" + "x" * 20_000 for n in range(15_000)], 15_000)}
    elif kind == "rejected":
        table = {**columns(30_000), "user_agent": coded(["x" * 20_000], 30_000), "file_size": pa.array([-1] * 30_000)}
    else:
        table = {**columns(300), **{f"c{n}": pa.array([n] * 300) for n in range(10_000)}}
    (folder / "download_events").mkdir(exist_ok=True)
    path = folder / "download_events" / f"{kind}.parquet"
    pq.write_table(pa.table(table), path, compression="zstd", use_dictionary=kind != "long_rows")


def test_memory_is_bounded_by_bytes(tmp_path: Path) -> None:
    # In processes of their own: what one has used at most is passed on to those it starts.
    writer = f"""import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
import test_parquet_memory as here, pathlib
for kind in here.FOUND: here.write(pathlib.Path({str(tmp_path)!r}), kind)"""
    subprocess.run([sys.executable, "-c", writer], check=True)
    reader = [sys.executable, "-c", READ_AND_MEASURE, str(tmp_path), DAY.isoformat()]
    *files, used = subprocess.run(reader, capture_output=True, text=True, check=True).stdout.splitlines()
    assert files == [f"download_events/{kind}.parquet {' '.join(map(str, of))}" for kind, of in FOUND.items()]
    assert int(used) < ALLOWED


def test_a_long_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "dictionary")
    content = (tmp_path / "download_events" / "dictionary.parquet").read_bytes()
    monkeypatch.setattr("analytics_etl.landing.parquet.PAGES_IN_MEMORY", 0)
    monkeypatch.setattr("analytics_etl.landing.parquet.SLICE_BYTES", 1 << 20)
    found = read(tmp_path / "read", {"a.parquet": content})
    [reason] = found.reasons["a.parquet"]
    # 5 times a dictionary of 50 texts of 20,002 or 20,001 bytes and their lengths, and twice a page of numbers.
    assert reason.startswith("cannot be read as Parquet: row group 0 has pages and dictionaries of 5,")
    assert reason.endswith("expected at most 0; write it with smaller ones, or raise ANALYTICS_LOADER_MEMORY_MB")
