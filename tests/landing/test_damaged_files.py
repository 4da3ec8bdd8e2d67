"""Files that cannot be read, or not to their end, and files that are gone."""

import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard
from books import assert_books_balance, failing_checks, loaded_ids
from events import DAY, DOWNLOADS, csv_text, download, ledger, load, many, ndjson, rejected, write, write_raw

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.postgres.database import Database


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_truncated_file_is_loaded_as_far_as_it_goes(
    settings: Settings, database: Database, catalog: Catalog, ending: str
) -> None:
    events = many(1, 2000)
    path = f"download_events/events.ndjson.{ending}"
    compress: Callable[[bytes], bytes] = gzip.compress if ending == "gz" else zstandard.compress
    packed = compress(ndjson(events))
    write_raw(settings, path, packed[: len(packed) * 2 // 3])
    write(settings, "download_events/other.ndjson", [download(5000)])
    load(database)
    kept = loaded_ids(settings)
    count = len(kept) - 1
    assert 100 < count < 1500
    assert kept == [*range(1, count + 1), 5000]
    reason = (
        f"cannot be read to its end: the compressed stream ends too early; the lines before line {count + 1} are loaded"
    )
    assert rejected(settings.database_url) == [(path, count + 1, reason, None)]
    assert ledger(settings.database_url)[path]["state"] == "cut_off"
    assert ledger(settings.database_url)[path]["reason"] == reason
    assert failing_checks(database, catalog) == {"files_are_readable"}

    write_raw(settings, path, packed)  # mended: the next run of the day reads it again
    load(database)
    assert len(loaded_ids(settings)) == 2001
    assert rejected(settings.database_url) == []
    assert failing_checks(database, catalog) == set()


def test_damaged_files(settings: Settings, database: Database, catalog: Catalog) -> None:
    packed = gzip.compress(ndjson(many(1000, 200)))
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    files = {
        "2025-03-10.ndjson.gz": bytes(flipped),
        "checksum.ndjson.gz": packed[:-8] + b"\0" * 8,
        "empty.ndjson": b"",
        "empty.ndjson.gz": b"",
        "empty.parquet": b"",
        "few_bytes.ndjson.gz": packed[:5],
        "few_bytes.ndjson.zst": zstandard.compress(b"x" * 1000)[:5],
        "no_gzip.ndjson.gz": ndjson([download(1)]),
        "no_parquet.parquet": os.urandom(1000),
        "no_parquet.parquet.gz": gzip.compress(b"x" * 1000),
        "no_zstd.csv.zst": b"hello",
        "picture.png": b"PNG",
        "trailing.ndjson.gz": gzip.compress(ndjson([download(1)])) + b"rubbish",
        "two_streams.ndjson.gz": gzip.compress(ndjson([download(2)])) + gzip.compress(ndjson([download(3)])),
        "zeros.ndjson": b"\0" * 100,
        ".hidden.ndjson": ndjson([download(9)]),
        "half.ndjson.tmp": ndjson([download(9)]),
        "half.ndjson.part": ndjson([download(9)]),
        "_work/events.ndjson": ndjson([download(9)]),
        "upper.NDJSON": ndjson([download(4)]),
    }
    for name, data in files.items():
        write_raw(settings, f"download_events/{name}", data)
    (settings.landing_dir / "download_events" / "folder.ndjson").mkdir()
    (settings.landing_dir / "download_events" / "nothing.ndjson").symlink_to("nowhere")
    load(database)
    found = {path.split("/", 1)[1]: (f["state"], f["reason"]) for path, f in ledger(settings.database_url).items()}
    states = {name: state for name, (state, _) in found.items()}
    cut = states.pop("2025-03-10.ndjson.gz"), states.pop("checksum.ndjson.gz")
    assert set(cut) <= {"cut_off", "rejected"}
    assert states == {
        "empty.ndjson": "read", "empty.ndjson.gz": "read", "empty.parquet": "rejected",
        "few_bytes.ndjson.gz": "rejected",
        "few_bytes.ndjson.zst": "rejected", "no_gzip.ndjson.gz": "rejected", "no_parquet.parquet": "rejected",
        "no_parquet.parquet.gz": "rejected", "no_zstd.csv.zst": "rejected", "picture.png": "rejected",
        "trailing.ndjson.gz": "cut_off", "two_streams.ndjson.gz": "read", "zeros.ndjson": "read",
        "folder.ndjson": "rejected", "nothing.ndjson": "rejected", "upper.NDJSON": "read",
    }  # fmt: skip
    assert all(reason for name, (state, reason) in found.items() if state != "read")
    assert {name for name, (state, _) in found.items() if state == "rejected"} == {
        path.split("/", 1)[1] for path, number, _, _ in rejected(settings.database_url) if number is None
    }
    assert "unknown ending" in found["picture.png"][1]
    assert "directory" in found["folder.ndjson"][1]
    assert {1, 2, 3, 4} <= set(loaded_ids(settings))
    assert 9 not in loaded_ids(settings)
    assert [row[1:3] for row in rejected(settings.database_url, "download_events/zeros.ndjson")] == [
        (1, "the line is no JSON object")
    ]
    # A directory stands in a file's place, so its date and its lack of one are told apart, too.
    assert {"files_are_readable", "undated_files_are_readable"} <= failing_checks(database, catalog)


def test_a_file_of_another_day_does_not_fail_this_one(settings: Settings, database: Database, catalog: Catalog) -> None:
    write(settings, "download_events/2025-03-10.ndjson", [download(1)])
    write_raw(settings, "download_events/2025-03-11.ndjson.gz", b"rubbish")
    write_raw(settings, "download_events/undated.ndjson.gz", b"rubbish")
    next_day = DAY + timedelta(days=1)
    load(database, DOWNLOADS, DAY, next_day)
    assert failing_checks(database, catalog) == {"undated_files_are_readable"}
    assert failing_checks(database, catalog, next_day) == {"files_are_readable", "undated_files_are_readable"}


def test_a_file_deleted_between_listing_and_reading(
    settings: Settings, database: Database, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(["a.csv", "b.ndjson", "c.parquet", "d.ndjson"], 1):
        content = csv_text([download(number)]) if name == "a.csv" else ndjson([download(number)])
        write(settings, f"download_events/{name}", content)

    def list_and_lose(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
        files = list_files(landing_dir, table, sources)
        for file in files[:3]:
            file.absolute.unlink()
        return files

    monkeypatch.setattr("analytics_etl.pipeline.loading.list_files", list_and_lose)
    load(database)
    assert loaded_ids(settings) == [4]
    found = ledger(settings.database_url)
    assert [file["state"] for file in found.values()] == ["rejected"] * 3 + ["read"]
    assert all("gone" in file["reason"] or "No such file" in file["reason"] for file in list(found.values())[:3])
    assert failing_checks(database, catalog) == {"undated_files_are_readable"}


def test_a_file_that_was_loaded_and_is_gone(settings: Settings, database: Database, catalog: Catalog) -> None:
    write(settings, "download_events/kept.ndjson", [download(1)])
    path = write(settings, "download_events/lost.ndjson", [download(2), download(3, DAY + timedelta(days=1))])
    next_day = DAY + timedelta(days=1)
    load(database, DOWNLOADS, DAY, next_day)
    assert loaded_ids(settings) == [1, 2, 3]
    content = path.read_bytes()
    path.unlink()
    load(database)
    file = ledger(settings.database_url)["download_events/lost.ndjson"]
    assert file["state"] == "gone"
    assert "put it back" in file["reason"]
    assert loaded_ids(settings) == [1, 3]  # the other day was not run
    assert failing_checks(database, catalog) == {"files_are_readable"}
    path.write_bytes(content)
    load(database)
    assert loaded_ids(settings) == [1, 2, 3]
    assert failing_checks(database, catalog) == set()
    assert failing_checks(database, catalog, next_day) == set()
    assert_books_balance(settings)
