"""However little a file is, and whatever it unpacks to, and however wide its rows are: little is in memory at once."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from books import assert_books_balance, loaded_ids
from events import DAY, DOWNLOADS, REQUIRED, csv_text, download, ledger, load, ndjson, rejected, write, write_raw
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import list_files, opener, records
from analytics_etl.landing.compression import LARGEST_PIECE, decompressed
from analytics_etl.landing.reader import LandingReader, Rows
from analytics_etl.landing.rejections import REJECTED_BYTES_AT_ONCE
from analytics_etl.postgres.database import Database

MB = 1 << 20

READ_AND_MEASURE = """
import sys
from pathlib import Path
from datetime import date
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.landing import list_files
from analytics_etl.landing.reader import LandingReader
folder, memory_mb = Path(sys.argv[1]), int(sys.argv[2])
contract = Catalog().contracts["registry.download_events"]
def used():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024
for file in list_files(folder, "download_events", frozenset()):
    with LandingReader(contract, {}, {date(2025, 3, 10)}, folder / "tmp", memory_mb) as reader:
        for _ in reader.read([file]):
            pass
        [report] = reader.reports
        print(file.path, report.valid.total(), report.rejected.total(), used())
"""


def unpacked(packed: bytes, compression: str) -> Iterator[bytes]:
    return decompressed(io.BytesIO(packed), compression, hashlib.sha256())


def zst(data: bytes, *, has_checksum: bool = False, tells_size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=has_checksum, write_content_size=tells_size).compress(data)


def skipped(size: int) -> bytes:
    """A frame that a reader passes over."""
    return (0x184D2A57).to_bytes(4, "little") + size.to_bytes(4, "little") + b"s" * size


contents = st.one_of(
    st.binary(max_size=200), st.binary(min_size=1, max_size=3).map(lambda piece: piece * 700_000), st.just(b"")
)


@given(
    parts=st.lists(contents, min_size=1, max_size=3), has_checksum=st.booleans(), tells_size=st.booleans(),
    passed_over=st.integers(0, 9),
)  # fmt: skip
def test_streams_are_unpacked_in_small_pieces(
    parts: list[bytes], *, has_checksum: bool, tells_size: bool, passed_over: int
) -> None:
    packed = {
        "gzip": b"".join(map(gzip.compress, parts)),
        "zstd": b"".join(
            skipped(passed_over) + zst(part, has_checksum=has_checksum, tells_size=tells_size) for part in parts
        ),
    }
    for compression, data in packed.items():
        pieces = list(unpacked(data, compression))
        assert b"".join(pieces) == b"".join(parts)
        assert max(map(len, pieces), default=0) <= LARGEST_PIECE + (1 << 17)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_is_unpacked_in_small_pieces(compression: str) -> None:
    data = b"b" * (64 * MB)
    packed = gzip.compress(data) if compression == "gzip" else zst(data)
    assert len(packed) < 100_000
    sizes = [len(piece) for piece in unpacked(packed, compression)]
    assert (sum(sizes), max(sizes)) == (len(data), LARGEST_PIECE)


def test_a_window_that_takes_much_memory_is_refused(settings: Settings, database: Database) -> None:
    frame = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(1, window_log=28, enable_ldm=True)
    ).compressobj()
    write_raw(settings, "download_events/a.ndjson.zst", frame.compress(ndjson([download(1)])) + frame.flush())
    write(settings, "download_events/b.ndjson", [download(2)])
    load(database)
    assert loaded_ids(settings) == [2]
    assert "too much memory" in ledger(settings.database_url)["download_events/a.ndjson.zst"]["reason"]


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the files of a test may be small, too."""
    monkeypatch.setattr(records, "_WIDE_BYTES_PER_STATEMENT", MB)
    monkeypatch.setattr(records, "_BATCH_BYTES", MB // 4)
    monkeypatch.setattr(opener, "_CSV_BATCH_BYTES", MB)


def batches(catalog: Catalog, folder: Path) -> list[Rows]:
    with LandingReader(catalog.contracts[DOWNLOADS], {}, {DAY}, folder / "tmp", 256) as reader:
        return list(reader.read(list_files(folder / "landing", "download_events", frozenset())))


def sizes(found: list[Rows]) -> list[int]:
    return [table.nbytes for rows in found for table in rows.valid.values()]


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv"])
def test_wide_rows_come_a_few_at_a_time(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Also behind a great many narrow ones."""
    small_batches(monkeypatch)
    events = [download(n, user_agent="") for n in range(1_000)]
    events += [download(n, user_agent="w" * 50_000) for n in range(1_000, 1_100)]
    write(settings, f"download_events/{name}", csv_text(events) if name == "a.csv" else ndjson(events))
    found = batches(catalog, tmp_path)
    assert sum(table.num_rows for rows in found for table in rows.valid.values()) == 1_100
    assert sum(sizes(found)) > 5_000_000
    assert max(sizes(found)) < 2 * MB


def test_long_rejected_rows_come_a_few_at_a_time(settings: Settings, catalog: Catalog, tmp_path: Path) -> None:
    events = [download(n, user_agent="r" * 9_000, file_size=-1) for n in range(3_000)]
    write(settings, "download_events/a.ndjson", events)
    write(settings, "download_events/b.ndjson", ndjson(events).replace(b"go", b"\xff"))
    found = batches(catalog, tmp_path)
    held = [sum(row.size for _, row in rows.rejected) for rows in found]
    assert sum(len(rows.rejected) for rows in found) == 6_000
    assert sum(held) > 50_000_000
    assert max(held) < 1.2 * REJECTED_BYTES_AT_ONCE


def test_of_many_columns_those_that_are_wanted_are_read(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[pa.Schema] = []
    reader = records.Chain.reader

    def remembering(chain: records.Chain) -> pa.RecordBatchReader:
        found = reader(chain)
        seen.append(found.schema)
        return found

    monkeypatch.setattr(records.Chain, "reader", remembering)
    more = [f"c{n}" for n in range(10_000)]
    write(
        settings, "download_events/a.csv", csv_text([{**download(1), **dict.fromkeys(more, "x")}], [*more, *REQUIRED])
    )
    write(settings, "download_events/b.csv", csv_text([download(2)], REQUIRED[::-1]))
    load(database)
    assert loaded_ids(settings) == [1, 2]
    assert len({tuple(schema.names) for schema in seen}) == 1
    assert all(len(schema) < 30 for schema in seen)
    reason = ledger(settings.database_url)["download_events/a.csv"]["reason"]
    assert len(reason) < 2_000
    assert reason.startswith("columns nobody asked for were ignored: ['c0', 'c1', 'c10', ")


def test_lines_and_fields_are_limited(settings: Settings, database: Database) -> None:
    """1 MiB is the most; a line of one byte more is rejected in each format of text, and those around it are read."""
    [line] = ndjson([download(1, user_agent="")]).splitlines()
    fits = line.replace(b'"user_agent": ""', b'"user_agent": ""' + b" " * (MB - len(line)))
    assert len(fits) == MB
    longer = fits.replace(b"  ", b"   ", 1)
    write(settings, "download_events/a.ndjson.zst", b"\n".join([fits, longer, *ndjson([download(2)]).splitlines()]))
    rows = [download(3, user_agent="u" * MB), download(4, user_agent="")]
    write(settings, "download_events/b.csv.gz", csv_text(rows, [*REQUIRED, "user_agent"]))
    load(database)
    assert loaded_ids(settings) == [1, 2, 4]
    assert [row[:3] for row in rejected(settings.database_url)] == [
        ("download_events/a.ndjson.zst", 2, "the line is longer than 1,048,576 bytes"),
        ("download_events/b.csv.gz", 2, "the line is longer than 1,048,576 bytes"),
    ]
    assert_books_balance(settings)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory a process had is told by Linux")
def test_hostile_files_take_little_memory(settings: Settings) -> None:
    """Each unpacks to hundreds of MB, or is parsed into as much."""
    good = json.dumps(download(1)).encode() + b"\n"
    wide = b"".join(ndjson([download(n, user_agent="w" * 900_000)]) for n in range(100))
    head = csv_text([download(1)], REQUIRED)
    bombs = {
        "line.ndjson.zst": b"x" * (300 * MB),
        "lines.ndjson.gz": good * 100_000,
        "record.csv.gz": head.splitlines()[0] + b'\n1,"' + b"text\n" * 50_000,
        "wide.ndjson.zst": wide,
    }
    for name, data in bombs.items():
        write_raw(settings, f"download_events/{name}", gzip.compress(data, 1) if name.endswith("gz") else zst(data))
    command = [sys.executable, "-c", READ_AND_MEASURE, str(settings.landing_dir), "128"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {line.split()[0].split("/")[1]: line.split()[1:] for line in done.stdout.splitlines()}
    assert {name: [int(count) for count in counts[:2]] for name, counts in found.items()} == {
        "line.ndjson.zst": [0, 1],
        "lines.ndjson.gz": [100_000, 0],
        "record.csv.gz": [0, 50_000],
        "wide.ndjson.zst": [100, 0],
    }
    assert all(int(memory) < 3 * 128 + 200 for *_, memory in found.values()), found
