"""Parquet of other types than the contract's, and rows in it that do not fit."""

import json
import os
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
from books import assert_books_balance, failing_checks, loaded_ids
from events import (
    DOWNLOADS,
    REQUIRED,
    Event,
    ask,
    download,
    event_id,
    ledger,
    load,
    many,
    rejected,
    write,
    write_parquet,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database


def columns_of(events: Sequence[Event]) -> dict[str, pa.Array]:
    """The required columns with the types that fit best."""
    return {
        "event_id": pa.array([bytes.fromhex(e["event_id"].replace("-", "")) for e in events], pa.uuid()),
        "downloaded_at": pa.array(
            [datetime.fromisoformat(e["downloaded_at"]) for e in events], pa.timestamp("us", "UTC")
        ),
        "module_name": pa.array([e["module_name"] for e in events]),
        "version": pa.array([e["version"] for e in events]),
        "file_size": pa.array([e["file_size"] for e in events]),
        "success": pa.array([e["success"] for e in events]),
    }


def test_parquet_of_other_types(settings: Settings, database: Database) -> None:
    two = [download(1), download(2)]
    texts = pa.array([event["event_id"] for event in two])
    utc = columns_of(two)["downloaded_at"]
    variants: dict[str, dict[str, pa.Array]] = {
        "best": {},
        "uuid_as_text": {"event_id": texts},
        "dictionaries": {
            "module_name": pa.array(["m", "m"]).dictionary_encode(),
            "version": pa.array(["1", "2"], pa.large_string()),
        },
        "int32": {"file_size": pa.array([1, 2], pa.int32())},
        "uint64": {"file_size": pa.array([1, 2], pa.uint64())},
        "whole_doubles": {"file_size": pa.array([1.0, 2.0])},
        "numbers_as_text": {"file_size": pa.array(["1", "2"])},
        "booleans_as_text": {"success": pa.array(["true", "false"])},
        "times_as_text": {"downloaded_at": pa.array([event["downloaded_at"] for event in two])},
        "nanoseconds": {"downloaded_at": utc.cast(pa.timestamp("ns", "UTC"))},
        "milliseconds_elsewhere": {"downloaded_at": utc.cast(pa.timestamp("ms", "America/New_York"))},
    }
    for number, (name, changed) in enumerate(variants.items()):
        ids = [10 * number + 1, 10 * number + 2]
        columns = columns_of([download(n) for n in ids]) | changed
        if "event_id" in changed:
            columns["event_id"] = pa.array([event_id(n) for n in ids])
        if "downloaded_at" in changed:
            columns["file_size"] = pa.array([0, 0])
        write_parquet(settings, f"{name}.parquet", columns)
    load(database)
    assert rejected(settings.database_url) == []
    assert loaded_ids(settings) == [10 * number + n for number in range(len(variants)) for n in (1, 2)]
    times = {
        row["downloaded_at"]
        for row in ask(settings.database_url, f"select downloaded_at from {DOWNLOADS} where file_size = 0")
    }
    assert times == {datetime.fromisoformat(event["downloaded_at"]) for event in two}


def test_parquet_of_nothing_but_text(settings: Settings, database: Database) -> None:
    events = [download(1), download(2, success="perhaps")]
    texts = {name: pa.array([str(event[name]).lower() for event in events]) for name in REQUIRED}
    texts["downloaded_at"] = pa.array([event["downloaded_at"] for event in events])
    path = write_parquet(settings, "texts.parquet", texts)
    load(database)
    assert loaded_ids(settings) == [1]
    [(_, number, reason, content)] = rejected(settings.database_url, path)
    assert (number, reason) == (2, "success: expected true or false, got perhaps")
    assert json.loads(content or "")["success"] == "perhaps"


def test_parquet_columns_with_our_own_names_are_passed_over(settings: Settings, database: Database) -> None:
    columns = {"_line": pa.array([7]), "_raw": pa.array(["x"]), "_day": pa.array([1]), **columns_of([download(1)])}
    write_parquet(settings, "ours.parquet", columns)
    load(database)
    assert loaded_ids(settings) == [1]
    assert rejected(settings.database_url) == []


def test_parquet_rows_that_do_not_fit(settings: Settings, database: Database, catalog: Catalog) -> None:
    three = columns_of([download(1), download(2), download(3)])
    naive = three["downloaded_at"].cast(pa.timestamp("us"))
    path = write_parquet(
        settings, "sizes.parquet", three | {"file_size": pa.array(["1", "two", "3.5"])}, row_group_size=1
    )
    halves = write_parquet(
        settings, "halves.parquet", columns_of([download(4), download(5)]) | {"file_size": pa.array([1.5, 2.0])}
    )
    negative = write_parquet(settings, "negative.parquet", columns_of([download(6, file_size=-1)]))
    nul = write_parquet(settings, "nul.parquet", columns_of([download(7, module_name="a\0b")]))
    zoneless = write_parquet(settings, "zoneless.parquet", three | {"downloaded_at": naive})
    nothing = write_parquet(settings, "nothing.parquet", columns_of([download(8, module_name=None), download(9)]))
    missing = columns_of([download(1)])
    del missing["version"]
    incomplete = write_parquet(settings, "2025-03-10.parquet", missing)
    load(database)
    found: dict[str, list[tuple[int | None, str]]] = {}
    for file, number, reason, content in rejected(settings.database_url):
        found.setdefault(file, []).append((number, reason[:52]))
        assert number is None or (content is not None and '"version":"1.0.0"' in content)
    assert found == {
        path: [(2, "file_size: expected a whole number, got two"), (3, "file_size: expected a whole number, got 3.5")],
        halves: [(1, "file_size: expected a whole number, got 1.5")],
        negative: [(1, "file_size_not_negative: expected file_size >= 0, got")],
        nul: [(1, "module_name: holds a NUL byte, which text must not")],
        zoneless: [(n, "downloaded_at: expected a timestamp with a time zone") for n in (1, 2, 3)],
        nothing: [(1, "module_name: is missing")],
        incomplete: [(None, "the columns ['version'] are missing; the file has ['")],
    }
    assert loaded_ids(settings) == [1, 5, 9]
    assert_books_balance(settings)
    assert failing_checks(database, catalog) == {
        "files_are_readable", "rejected_rows_are_few", "undated_files_are_readable"
    }  # fmt: skip


def test_packed_parquet_and_extra_columns(settings: Settings, database: Database) -> None:
    path = write_parquet(settings, "plain.parquet", columns_of([download(1)]) | {"colour": pa.array([["a", "b"]])})
    absolute = settings.landing_dir / path
    write(settings, "download_events/packed.parquet.gz", absolute.read_bytes())
    write(settings, "download_events/packed.parquet.zst", absolute.read_bytes())
    load(database)
    assert loaded_ids(settings) == [1]
    files = ledger(settings.database_url)
    assert {file["state"] for file in files.values()} == {"read"}
    assert all("ignored: ['colour']" in file["reason"] for file in files.values())
    assert list(settings.temporary_dir.iterdir()) == []


def test_parquet_that_ends_in_its_middle(settings: Settings, database: Database, catalog: Catalog) -> None:
    events = many(1, 300)
    columns = columns_of(events) | {"user_agent": pa.array([event["user_agent"] for event in events])}
    path = write_parquet(settings, "events.parquet", columns, row_group_size=100, compression="zstd")
    absolute = settings.landing_dir / path
    data = bytearray(absolute.read_bytes())
    at_group = pq.ParquetFile(absolute).metadata.row_group(1).column(6)
    start = at_group.dictionary_page_offset or at_group.data_page_offset
    data[start : start + 2000] = os.urandom(2000)
    absolute.write_bytes(data)
    load(database)
    file = ledger(settings.database_url)[path]
    assert file["state"] in ("cut_off", "rejected")
    assert loaded_ids(settings) in ([], list(range(1, 101)))
    assert failing_checks(database, catalog) & {"files_are_readable", "undated_files_are_readable"}
