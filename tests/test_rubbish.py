"""Rubbish in: what cannot be loaded is kept with its file, line and reason; everything beside it is loaded."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from conftest import Server
from events import (
    DAY,
    DOWNLOADS,
    Event,
    aggregate,
    ask,
    at,
    booked,
    csv_text,
    download,
    event_id,
    ledger,
    load,
    ndjson,
    rejected,
    rows_of,
    view,
    write,
    write_raw,
)

from analytics_etl.catalog import Catalog
from analytics_etl.checks import declared_checks, evaluate, targets
from analytics_etl.landing import LandingFile, LandingReader, list_files
from analytics_etl.landing.files import REJECTED_AT_ONCE
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

FILE = "download_events/events.ndjson"


def line(**changes: Any) -> bytes:
    """One event as a line of JSON."""
    return ndjson([download(1, **changes)])


def without(name: str) -> bytes:
    return ndjson([{key: value for key, value in download(1).items() if key != name}])


def loaded_ids(settings: Settings, table: str = DOWNLOADS) -> list[int]:
    rows = ask(settings.database_url, f"select event_id from {table} order by 1")
    return [row["event_id"].int for row in rows]


def failing_checks(warehouse: Warehouse, catalog: Catalog, day: date = DAY, table: str = DOWNLOADS) -> set[str]:
    """The checks of an event table that fail for a day, of those about files and rows (not about past days)."""
    checks = [check for check in declared_checks(catalog)[table] if check.name != "volume_is_usual"]
    results = evaluate(warehouse, targets(catalog)[table], checks, {day: day + timedelta(days=1)})
    return {result.name for result in results if not result.passed}


def assert_books_balance(settings: Settings) -> None:
    """rows read = loaded + duplicate + rejected, per file and day of a file, and the tables hold what was loaded."""
    url = settings.database_url
    files, days = ledger(url), booked(url)
    rows = rejected(url)
    for path, file in files.items():
        assert file["rows_read"] == file["rows_valid"] + file["rows_rejected"], path
        assert file["rows_rejected"] == len([row for row in rows if row[0] == path and row[1] is not None]), path
        loaded = [counts for counts in days.get(path, {}).values() if None not in counts]
        assert all(read == bad + kept + copies for read, bad, kept, copies, _ in loaded), path
    for (table,) in {(file["table_name"],) for file in files.values()}:
        held = ask(url, f"select count(*) as count from {table}")[0]["count"]
        of_table = [path for path, file in files.items() if file["table_name"] == table]
        assert held == sum(c[2] for path in of_table for c in days.get(path, {}).values() if None not in c)


# -- lines of JSON ---------------------------------------------------------------------------------------------------

MTIME = datetime(2025, 3, 20, 12, tzinfo=UTC)
"""When the files of the test of single lines were found."""

BAD_LINES: list[tuple[bytes, str, str | None]] = [
    # line, beginning of the reason, day of the rejected row
    (b'{"event_id": "00000000-0000-0000-0000-000000000001", "downloa\n', "the line is no JSON object", None),
    (b"\xff\xfe" + line(), "the line is no valid UTF-8 at byte 0", None),
    (line(module_name="caf\u00e9").replace(b"\\u00e9", b"\xe9"), "the line is no valid UTF-8 at byte ", None),
    (line(module_name="a\0b"), "module_name: holds a NUL byte", "2025-03-10"),
    (line(module_name="ab").replace(b"ab", b"a\0b"), "the line is no JSON object", None),
    (b"[1]\n", "the line is no JSON object", None),
    (b"5\n", "the line is no JSON object", None),
    (b"null\n", "the line is no JSON object", None),
    (b'"text"\n', "the line is no JSON object", None),
    (b"{}\n", "event_id: is missing", None),
    (b"not JSON at all\n", "the line is no JSON object", None),
    (line() .strip() + b" " + line(), "the line is no JSON object", None),
    (without("module_name"), "module_name: is missing", "2025-03-10"),
    (line(module_name=None), "module_name: is missing", "2025-03-10"),
    (line(module_name=""), "module_name_not_empty: expected ", "2025-03-10"),
    (line(module_name={"a": 1}), 'module_name: expected text, got {"a":', "2025-03-10"),
    (line(user_id=["x"]), 'user_id: expected text, got ["x"]', "2025-03-10"),
    (line(event_id="download-1"), "event_id: expected a UUID, got download-1", "2025-03-10"),
    (line(event_id=17), "event_id: expected a UUID, got 17", "2025-03-10"),
    (line(file_size="123"), 'file_size: expected a whole number, got "123"', "2025-03-10"),
    (line(file_size=1.5), "file_size: expected a whole number, got 1.5", "2025-03-10"),
    (line(file_size=True), "file_size: expected a whole number, got true", "2025-03-10"),
    (line(file_size=[1]), "file_size: expected a whole number, got [1]", "2025-03-10"),
    (line(file_size=10**20), "file_size: expected a whole number, got 100000000000000000000", "2025-03-10"),
    (line(file_size=float("nan")), "file_size: expected a whole number, got NaN", "2025-03-10"),
    (line(file_size=-1), "file_size_not_negative: expected file_size >= 0, got file_size = -1", "2025-03-10"),
    (line(duration_ms=-5), "duration_ms_not_negative: expected duration_ms >= 0, got duration_ms = -5", "2025-03-10"),
    (line(success="true"), 'success: expected true or false, got "true"', "2025-03-10"),
    (line(success=1), "success: expected true or false, got 1", "2025-03-10"),
    (line(error_message="no"), "error_message_only_on_failure: expected ", "2025-03-10"),
    (line(downloaded_at="2025-03-10T10:00:00"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="yesterday"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at=1741600000), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="2025-02-30T10:00:00Z"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="2025-03-10T25:00:00Z"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="infinity"), "downloaded_at: expected a timestamp with a time zone", None),
    (line(downloaded_at="0000-01-01T00:00:00Z"), "downloaded_at: 0000-01-01T00:00:00Z is outside the years", None),
    (line(downloaded_at="1969-12-31T23:59:59Z"), "downloaded_at: 1969-12-31T23:59:59Z is outside the years", None),
    (line(downloaded_at="2999-01-01T00:00:00Z"), "downloaded_at: 2999-01-01T00:00:00Z is more than one", None),
    (line(downloaded_at="2025-03-21T12:00:01Z"), "downloaded_at: 2025-03-21T12:00:01Z is more than one", None),
]  # fmt: skip

GOOD_LINES: list[tuple[Event, dict[str, Any]]] = [
    # event, what must stand in the table
    (download(101, file_size=123.0), {"file_size": 123}),
    (download(102, module_name="<script>alert(1)</script>"), {"module_name": "<script>alert(1)</script>"}),
    (download(103, module_name="'; drop table registry.download_events; --"),
     {"module_name": "'; drop table registry.download_events; --"}),
    (download(104, module_name="%s %(x)s {x} $1 \\"), {"module_name": "%s %(x)s {x} $1 \\"}),
    (download(105, module_name="\U0001f600 \u00e9 \u2028 \x7f"), {"module_name": "\U0001f600 \u00e9 \u2028 \x7f"}),
    (download(106, module_name="[1]"), {"module_name": "[1]"}),
    (download(107, module_name="{}"), {"module_name": "{}"}),
    (download(108, module_name="null"), {"module_name": "null"}),
    (download(109, module_name=" NA\t"), {"module_name": " NA\t"}),
    (download(110, version=1.5), {"version": "1.5"}),
    (download(111, user_id=None, cache_hit=True), {"user_id": None, "cache_hit": True}),
    (download(112, downloaded_at="2025-03-10T01:30:00+02:00"),
     {"downloaded_at": datetime(2025, 3, 9, 23, 30, tzinfo=UTC)}),
    (download(113, downloaded_at="2025-03-10 10:00:00.123456z"),
     {"downloaded_at": datetime(2025, 3, 10, 10, 0, 0, 123456, tzinfo=UTC)}),
    (download(114, downloaded_at="2025-03-21T12:00:00Z"), {"downloaded_at": datetime(2025, 3, 21, 12, tzinfo=UTC)}),
    (download(115, file_size=2**63 - 1), {"file_size": 2**63 - 1}),
    (download(116, colour="blue", nested={"a": [1]}), {"file_size": 216}),
    (download(117, module_name="\\u0000 is no NUL"), {"module_name": "\\u0000 is no NUL"}),
    (download(118, event_id=event_id(118).upper()), {"file_size": 218}),
]  # fmt: skip


def test_lines_of_json(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    lines = [bad for bad, _, _ in BAD_LINES]
    assert all((bad.endswith(b"\n") and bad.count(b"\n") == 1) or b"\n" in bad[:-1] for bad in lines)
    lines = [bad.replace(b"\n", b" ").rstrip() + b"\n" for bad in lines]
    good = [json.dumps(event).encode() + b"\n" for event, _ in GOOD_LINES]
    # Good ones between bad ones, with blank lines and a carriage return here and there.
    content = b"\n".join([*good[:2], b"\r\n", *lines, b" \n", *(text[:-1] + b"\r\n" for text in good[2:])])
    path = write(settings, FILE, content)
    os.utime(path, (MTIME.timestamp(),) * 2)
    load(warehouse, DOWNLOADS, DAY, date(2025, 3, 9), date(2025, 3, 21))

    where = {text.strip(): number for number, text in enumerate(content.split(b"\n"), 1)}
    found = {number: (reason, content) for _, number, reason, content in rejected(settings.database_url)}
    assert found.keys() == {where[text.strip()] for text in lines}
    for text, reason, _ in zip(lines, *zip(*[(r, d) for _, r, d in BAD_LINES], strict=True), strict=True):
        assert found[where[text.strip()]][0].startswith(reason), (text, found[where[text.strip()]])
        shown = text.decode("utf-8", errors="replace").replace("\0", "\ufffd").strip("\n")
        assert found[where[text.strip()]][1] == shown
    days = {
        row["line"]: row["day"] and row["day"].isoformat()
        for row in ask(settings.database_url, "select line, day from ops.rejected_rows")
    }
    for text, (_, reason, day) in zip(lines, BAD_LINES, strict=True):
        assert days[where[text.strip()]] == day, reason

    rows = {row["event_id"].int: row for row in ask(settings.database_url, f"select * from {DOWNLOADS}")}
    assert rows.keys() == {int(event["event_id"].replace("-", ""), 16) for event, _ in GOOD_LINES}
    for event, expected in GOOD_LINES:
        row = rows[int(event["event_id"].replace("-", ""), 16)]
        assert {name: row[name] for name in expected} == expected
    file = ledger(settings.database_url)[FILE]
    assert (file["state"], file["rows_read"], file["rows_rejected"]) == ("read", len(lines) + len(good), len(lines))
    assert_books_balance(settings)
    assert failing_checks(warehouse, catalog) == {"rejected_rows_are_few"}


def test_unknown_enum_values_and_rules_over_columns(settings: Settings, warehouse: Warehouse) -> None:
    table = "registry.module_view_events"
    write(settings, "module_view_events/a.ndjson", [
        view(1), view(2, source="fax"), view(3, page_type="popup"), view(4, module_name=None),
        view(5, page_type="list", module_name=None), view(6, source="WEB"),
    ])  # fmt: skip
    write(settings, "compilation_events/a.ndjson", [
        {"event_id": event_id(1), "started_at": at(10), "completed_at": at(9), "module_name": "m", "version": "1",
         "language": "go", "success": True},
    ])  # fmt: skip
    load(warehouse, table)
    load(warehouse, "registry.compilation_events")
    assert [(number, reason.split(":")[0]) for _, number, reason, _ in rejected(settings.database_url)] == [
        (1, "completed_after_start"), (2, "source_known"), (3, "page_type_known"), (4, "detail_page_names_module"),
        (6, "source_known"),
    ]  # fmt: skip
    assert "source = fax" in rejected(settings.database_url)[1][2]
    assert loaded_ids(settings, table) == [1, 5]
    assert_books_balance(settings)


def test_a_leap_second_is_rejected_or_becomes_the_next_second(settings: Settings, warehouse: Warehouse) -> None:
    write(settings, FILE, [download(1, downloaded_at="2016-12-31T23:59:60Z"), download(2)])
    load(warehouse, DOWNLOADS, DAY, date(2016, 12, 31), date(2017, 1, 1))
    [(_, number, reason, _)] = rejected(settings.database_url)
    assert number == 1
    assert reason.startswith("downloaded_at: expected a timestamp with a time zone")
    assert loaded_ids(settings) == [2]


def test_a_very_long_line(settings: Settings, warehouse: Warehouse) -> None:
    long = line(module_name="x" * 10_000_000)
    write(settings, FILE, ndjson([download(2)]) + long + ndjson([download(3), download(4, file_size=-1)]) + long[:-1])
    load(warehouse)
    reasons = [(number, reason[:50]) for _, number, reason, _ in rejected(settings.database_url)]
    assert reasons == [
        (2, "the line is longer than 1,048,576 bytes"),
        (4, "file_size_not_negative: expected file_size >= 0, g"),
        (5, "the line is longer than 1,048,576 bytes"),
    ]
    assert {len(content or "") for _, number, _, content in rejected(settings.database_url) if number != 4} == {10_000}
    assert loaded_ids(settings) == [2, 3]
    assert_books_balance(settings)


# -- CSV -------------------------------------------------------------------------------------------------------------

CSV = "download_events/events.csv"
REQUIRED = ["event_id", "downloaded_at", "module_name", "version", "file_size", "success"]


def record(number: int, module: str = "m", size: str = "1") -> str:
    return f"{event_id(number)},{at(number)},{module},1.0,{size},true"


def test_csv_records(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    lines = [
        ",".join(REQUIRED),                            # 1
        record(1, size="123"),                         # 2
        record(2, size="123.0") + "\r",                # 3
        record(3, size="1.5"),                         # 4: rejected
        "",                                            # 5
        record(4) + ",surplus",                        # 6: rejected
        "just one",                                    # 7: rejected
        record(5, module='"two\nlines, ""quoted"""'),  # 8 and 9
        record(6, size="x"),                           # 10: rejected
        record(7, module='"closed" twice"'),           # 11: rejected
        record(8, module="<script>"),                  # 12
        record(9, module='"a\r\nb"'),                  # 13 and 14
        record(10, module=""),                         # 15: rejected
        record(11, module="NA"),                       # 16
        record(12, size="1e3"),                        # 17: rejected
        record(13, size=" 7"),                         # 18
        record(14, module="a\0b"),                     # 19: rejected
        "\r",                                          # 20
        record(15, module='"never closed'),            # 21: rejected
        record(16),                                    # 22
        record(17),                                    # 23
    ]  # fmt: skip
    write(settings, CSV, b"\xef\xbb\xbf" + "\n".join(lines).encode())
    load(warehouse)
    found = [(number, reason[:40], content) for _, number, reason, content in rejected(settings.database_url)]
    assert found == [
        (4, "file_size: expected a whole number, got ", record(3, size="1.5")),
        (6, "expected 6 fields as in the header, got ", record(4) + ",surplus"),
        (7, "expected 6 fields as in the header, got ", "just one"),
        (10, "file_size: expected a whole number, got ", record(6, size="x")),
        (11, "the line is no valid CSV: ',' expected a", record(7, module='"closed" twice"')),
        (15, "module_name: is missing", record(10, module="")),
        (17, "file_size: expected a whole number, got ", record(12, size="1e3")),
        (19, "module_name: holds a NUL byte, which tex", record(14, module="a\ufffdb")),
        (21, "the line is no valid CSV: unexpected end", record(15, module='"never closed')),
    ]
    rows = {r["event_id"].int: r for r in ask(settings.database_url, f"select * from {DOWNLOADS}")}
    assert sorted(rows) == [1, 2, 5, 8, 9, 11, 13, 16, 17]
    assert rows[5]["module_name"] == 'two\nlines, "quoted"'
    assert rows[9]["module_name"] == "a\r\nb"
    assert rows[11]["module_name"] == "NA"
    assert (rows[1]["file_size"], rows[2]["file_size"], rows[13]["file_size"]) == (123, 123, 7)
    assert ledger(settings.database_url)[CSV]["reason"].startswith(
        "columns that may be NULL are absent: ['cache_hit', "
    )
    assert_books_balance(settings)
    assert failing_checks(warehouse, catalog) == {"rejected_rows_are_few"}


def test_a_mapped_source_in_every_format(settings: Settings, warehouse: Warehouse) -> None:
    first, last = ["log_file", "date", "time", "size", "r_version"], ["package", "version", "country", "ip_id"]
    names = [*first, "r_arch", "r_os", *last]

    def log(second: int, package: str | None, size: str = "5") -> dict[str, str | None]:
        values = ["2025-03-10", "2025-03-10", f"10:00:0{second}", size, None, None, None, package, "1.0", "US", "1"]
        return dict(zip(names, values, strict=True))

    records = [log(1, "good"), log(2, None), log(3, "a\0b"), log(4, "big", "x"), log(5, "fine")]
    folder = "download_events/cran_log"
    write(settings, f"{folder}/a.ndjson", [*records, {"date": "2025-03-10"}, {"package": ["x"]}])
    write(settings, f"{folder}/b.csv", csv_text(records, names))
    columns = {name: pa.array([record[name] for record in records], pa.string()) for name in names}
    parquet(settings, "cran_log/c.parquet", columns)
    load(warehouse)
    found: dict[str, list[tuple[int | None, str]]] = {}
    for path, number, reason, _ in rejected(settings.database_url):
        found.setdefault(path.rsplit("/", 1)[1], []).append((number, reason.split(",")[0]))
    expected = [
        (2, "module_name: is missing"),
        (3, "module_name: holds a NUL byte"),
        (4, "file_size: expected a whole number"),
    ]
    later = [(number + 1, reason) for number, reason in expected]  # the header is a line, too
    missing = (6, "downloaded_at: is missing"), (7, "downloaded_at: is missing")
    assert found == {"a.ndjson": [*expected, *missing], "b.csv": later, "c.parquet": expected}
    # A row at the same place of another file is the same row: the NDJSON and the Parquet file say the same.
    modules = ask(
        settings.database_url, f"select module_name, count(*) as count from {DOWNLOADS} group by 1 order by 1"
    )
    assert [(row["module_name"], row["count"]) for row in modules] == [("fine", 2), ("good", 2)]
    assert_books_balance(settings)


def test_csv_headers(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    folder = "download_events/2025-03-10"
    events = [download(1)]
    write(settings, f"{folder}/double.csv", csv_text(events).replace(b"language", b"version", 1))
    write(settings, f"{folder}/empty.csv", b"")
    write(settings, f"{folder}/blank.csv", b"\n\n")
    write(settings, f"{folder}/extra.csv.gz", csv_text([download(2, colour="blue", _line=5, _raw="x")]))
    write(settings, f"{folder}/header_only.csv", csv_text(events).split(b"\n")[0])
    write(settings, f"{folder}/less.csv.zst", csv_text([download(3)], REQUIRED))
    write(settings, f"{folder}/no_header.csv", csv_text(events, REQUIRED).split(b"\n", 1)[1])
    write(settings, f"{folder}/no_module.csv", csv_text(events, [name for name in REQUIRED if name != "module_name"]))
    load(warehouse)
    files = {path.rsplit("/", 1)[1]: (f["state"], f["reason"]) for path, f in ledger(settings.database_url).items()}
    assert {name: state for name, (state, _) in files.items()} == {
        "double.csv": "rejected", "empty.csv": "read", "blank.csv": "read", "extra.csv.gz": "read",
        "header_only.csv": "read", "less.csv.zst": "read", "no_header.csv": "rejected", "no_module.csv": "rejected",
    }  # fmt: skip
    reasons = {name: reason or "" for name, (_, reason) in files.items()}
    assert reasons["double.csv"] == "the columns ['version'] occur more than once"
    assert reasons["extra.csv.gz"].startswith("columns nobody asked for were ignored: ['_line', '_raw', 'colour']")
    assert "columns that may be NULL are absent: ['cache_hit', 'client_sdk'," in reasons["less.csv.zst"]
    assert reasons["no_header.csv"].startswith("the columns ['downloaded_at', 'event_id', 'file_size', 'module_name',")
    assert reasons["no_module.csv"].startswith("the columns ['module_name'] are missing; the file has [")
    assert [(number, reason) for _, number, reason, _ in rejected(settings.database_url)] == [
        (None, reasons[name]) for name in ("double.csv", "no_header.csv", "no_module.csv")
    ]
    assert loaded_ids(settings) == [2, 3]
    assert_books_balance(settings)
    assert failing_checks(warehouse, catalog) == {"files_are_readable"}


# -- files -----------------------------------------------------------------------------------------------------------


def many(first: int, count: int) -> list[Event]:
    """Events that do not compress well."""
    return [download(n, user_agent=os.urandom(300).hex()) for n in range(first, first + count)]


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_truncated_file_is_loaded_as_far_as_it_goes(
    settings: Settings, warehouse: Warehouse, catalog: Catalog, ending: str
) -> None:
    events = many(1, 2000)
    path = f"download_events/events.ndjson.{ending}"
    compress: Callable[[bytes], bytes] = gzip.compress if ending == "gz" else zstandard.compress
    packed = compress(ndjson(events))
    write_raw(settings, path, packed[: len(packed) * 2 // 3])
    write(settings, "download_events/other.ndjson", [download(5000)])
    load(warehouse)
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
    assert failing_checks(warehouse, catalog) == {"files_are_readable"}

    write_raw(settings, path, packed)  # mended: the next run of the day reads it again
    load(warehouse)
    assert len(loaded_ids(settings)) == 2001
    assert rejected(settings.database_url) == []
    assert failing_checks(warehouse, catalog) == set()


def test_damaged_files(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
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
    load(warehouse)
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
    assert {"files_are_readable", "undated_files_are_readable"} <= failing_checks(warehouse, catalog)


def test_a_file_of_another_day_does_not_fail_this_one(
    settings: Settings, warehouse: Warehouse, catalog: Catalog
) -> None:
    write(settings, "download_events/2025-03-10.ndjson", [download(1)])
    write_raw(settings, "download_events/2025-03-11.ndjson.gz", b"rubbish")
    write_raw(settings, "download_events/undated.ndjson.gz", b"rubbish")
    next_day = DAY + timedelta(days=1)
    load(warehouse, DOWNLOADS, DAY, next_day)
    assert failing_checks(warehouse, catalog) == {"undated_files_are_readable"}
    assert failing_checks(warehouse, catalog, next_day) == {"files_are_readable", "undated_files_are_readable"}


def test_a_file_deleted_between_listing_and_reading(
    settings: Settings, warehouse: Warehouse, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(["a.csv", "b.ndjson", "c.parquet", "d.ndjson"], 1):
        content = csv_text([download(number)]) if name == "a.csv" else ndjson([download(number)])
        write(settings, f"download_events/{name}", content)

    def list_and_lose(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
        files = list_files(landing_dir, table, sources)
        for file in files[:3]:
            file.absolute.unlink()
        return files

    monkeypatch.setattr("analytics_etl.assets.events.list_files", list_and_lose)
    load(warehouse)
    assert loaded_ids(settings) == [4]
    found = ledger(settings.database_url)
    assert [file["state"] for file in found.values()] == ["rejected"] * 3 + ["read"]
    assert all("gone" in file["reason"] or "No such file" in file["reason"] for file in list(found.values())[:3])
    assert failing_checks(warehouse, catalog) == {"undated_files_are_readable"}


def test_a_file_that_was_loaded_and_is_gone(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    write(settings, "download_events/kept.ndjson", [download(1)])
    path = write(settings, "download_events/lost.ndjson", [download(2), download(3, DAY + timedelta(days=1))])
    next_day = DAY + timedelta(days=1)
    load(warehouse, DOWNLOADS, DAY, next_day)
    assert loaded_ids(settings) == [1, 2, 3]
    content = path.read_bytes()
    path.unlink()
    load(warehouse)
    file = ledger(settings.database_url)["download_events/lost.ndjson"]
    assert file["state"] == "gone"
    assert "put it back" in file["reason"]
    assert loaded_ids(settings) == [1, 3]  # the other day was not run
    assert failing_checks(warehouse, catalog) == {"files_are_readable"}
    path.write_bytes(content)
    load(warehouse)
    assert loaded_ids(settings) == [1, 2, 3]
    assert failing_checks(warehouse, catalog) == set()
    assert failing_checks(warehouse, catalog, next_day) == set()
    assert_books_balance(settings)


# -- Parquet ---------------------------------------------------------------------------------------------------------


def parquet(settings: Settings, name: str, columns: dict[str, pa.Array], **options: object) -> str:
    """Write a Parquet file of these columns; returns its path in the landing zone."""
    path = f"download_events/{name}"
    absolute = write_raw(settings, path, b"")
    pq.write_table(pa.table(columns), absolute, **options)
    return path


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


def test_parquet_of_other_types(settings: Settings, warehouse: Warehouse) -> None:
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
        parquet(settings, f"{name}.parquet", columns)
    load(warehouse)
    assert rejected(settings.database_url) == []
    assert loaded_ids(settings) == [10 * number + n for number in range(len(variants)) for n in (1, 2)]
    times = {
        row["downloaded_at"]
        for row in ask(settings.database_url, f"select downloaded_at from {DOWNLOADS} where file_size = 0")
    }
    assert times == {datetime.fromisoformat(event["downloaded_at"]) for event in two}


def test_parquet_of_nothing_but_text(settings: Settings, warehouse: Warehouse) -> None:
    events = [download(1), download(2, success="perhaps")]
    texts = {name: pa.array([str(event[name]).lower() for event in events]) for name in REQUIRED}
    texts["downloaded_at"] = pa.array([event["downloaded_at"] for event in events])
    path = parquet(settings, "texts.parquet", texts)
    load(warehouse)
    assert loaded_ids(settings) == [1]
    [(_, number, reason, content)] = rejected(settings.database_url, path)
    assert (number, reason) == (2, "success: expected true or false, got perhaps")
    assert json.loads(content or "")["success"] == "perhaps"


def test_parquet_columns_with_our_own_names_are_passed_over(settings: Settings, warehouse: Warehouse) -> None:
    columns = {"_line": pa.array([7]), "_raw": pa.array(["x"]), "_day": pa.array([1]), **columns_of([download(1)])}
    parquet(settings, "ours.parquet", columns)
    load(warehouse)
    assert loaded_ids(settings) == [1]
    assert rejected(settings.database_url) == []


def test_parquet_rows_that_do_not_fit(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    three = columns_of([download(1), download(2), download(3)])
    naive = three["downloaded_at"].cast(pa.timestamp("us"))
    path = parquet(settings, "sizes.parquet", three | {"file_size": pa.array(["1", "two", "3.5"])}, row_group_size=1)
    halves = parquet(
        settings, "halves.parquet", columns_of([download(4), download(5)]) | {"file_size": pa.array([1.5, 2.0])}
    )
    negative = parquet(settings, "negative.parquet", columns_of([download(6, file_size=-1)]))
    nul = parquet(settings, "nul.parquet", columns_of([download(7, module_name="a\0b")]))
    zoneless = parquet(settings, "zoneless.parquet", three | {"downloaded_at": naive})
    nothing = parquet(settings, "nothing.parquet", columns_of([download(8, module_name=None), download(9)]))
    missing = columns_of([download(1)])
    del missing["version"]
    incomplete = parquet(settings, "2025-03-10.parquet", missing)
    load(warehouse)
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
    assert failing_checks(warehouse, catalog) == {"files_are_readable", "rejected_rows_are_few"}


def test_packed_parquet_and_extra_columns(settings: Settings, warehouse: Warehouse) -> None:
    path = parquet(settings, "plain.parquet", columns_of([download(1)]) | {"colour": pa.array([["a", "b"]])})
    absolute = settings.landing_dir / path
    write(settings, "download_events/packed.parquet.gz", absolute.read_bytes())
    write(settings, "download_events/packed.parquet.zst", absolute.read_bytes())
    load(warehouse)
    assert loaded_ids(settings) == [1]
    files = ledger(settings.database_url)
    assert {file["state"] for file in files.values()} == {"read"}
    assert all("ignored: ['colour']" in file["reason"] for file in files.values())
    assert list(settings.temporary_dir.iterdir()) == []


def test_parquet_that_ends_in_its_middle(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    events = many(1, 300)
    columns = columns_of(events) | {"user_agent": pa.array([event["user_agent"] for event in events])}
    path = parquet(settings, "events.parquet", columns, row_group_size=100, compression="zstd")
    absolute = settings.landing_dir / path
    data = bytearray(absolute.read_bytes())
    at_group = pq.ParquetFile(absolute).metadata.row_group(1).column(6)
    start = at_group.dictionary_page_offset or at_group.data_page_offset
    data[start : start + 2000] = os.urandom(2000)
    absolute.write_bytes(data)
    load(warehouse)
    file = ledger(settings.database_url)[path]
    assert file["state"] in ("cut_off", "rejected")
    assert loaded_ids(settings) in ([], list(range(1, 101)))
    assert failing_checks(warehouse, catalog) & {"files_are_readable", "undated_files_are_readable"}


# -- duplicates ------------------------------------------------------------------------------------------------------


def test_copies_within_and_across_files(settings: Settings, warehouse: Warehouse, catalog: Catalog) -> None:
    same = download(1)
    write(settings, "download_events/a.ndjson", [same, same, download(2, file_size=20), download(3)])
    write(settings, "download_events/b.csv", csv_text([same, download(2, file_size=21), download(4)]))
    late = download(3, downloaded_at=at(50_000), user_id="later")
    write(settings, "download_events/c.ndjson", [late, download(1, DAY + timedelta(days=1))])
    [loaded], _ = load(warehouse)
    assert (loaded.rows, loaded.duplicates, loaded.conflicting) == (4, 4, 2)
    rows = {row["event_id"].int: row for row in ask(settings.database_url, f"select * from {DOWNLOADS}")}
    assert sorted(rows) == [1, 2, 3, 4]
    assert rows[3]["user_id"] == "user-3"  # the earliest
    day = DAY.isoformat()
    counts = booked(settings.database_url)
    assert counts["download_events/a.ndjson"] == {day: (4, 0, 3, 1, 0)}
    assert counts["download_events/b.csv"] == {day: (3, 0, 1, 2, 1)}
    assert counts["download_events/c.ndjson"][day] == (1, 0, 0, 1, 1)
    assert_books_balance(settings)
    assert failing_checks(warehouse, catalog) == set()
    load(warehouse, DOWNLOADS, DAY + timedelta(days=1))
    assert failing_checks(warehouse, catalog, DAY + timedelta(days=1)) == {"event_ids_are_of_one_day"}


def test_of_copies_at_the_same_time_the_smallest_hash_is_kept(settings: Settings, warehouse: Warehouse) -> None:
    copies = [download(1, file_size=size) for size in range(8)]
    write(settings, FILE, copies)
    load(warehouse)
    alone: list[tuple[str, str]] = []
    for copy in copies:
        write(settings, FILE, [copy])
        load(warehouse)
        [row] = ask(settings.database_url, f"select md5(t::text) as hash, t::text as text from {DOWNLOADS} as t")
        alone.append((row["hash"], row["text"]))
    write(settings, FILE, copies[::-1])
    load(warehouse)
    assert rows_of(settings.database_url) == [min(alone)[1]]


# -- in Dagster's eyes, and memory -----------------------------------------------------------------------------------


def test_hostile_names_pass_through_aggregates_unharmed(settings: Settings, warehouse: Warehouse) -> None:
    names = ["<script>alert(1)</script>", "'; drop table registry.download_events; --", "a'b\"c", "%s", "\\", "\u202e"]
    write(
        settings,
        FILE,
        [download(n, module_name=name, user_id=name, organization_id=name) for n, name in enumerate(names)],
    )
    for table in ("compilation_events", "download_events", "module_view_events"):
        load(warehouse, f"registry.{table}")
    aggregate(warehouse, DAY, DAY)
    found = ask(settings.database_url, "select module_name, download_count from registry.module_stats_daily")
    assert {row["module_name"]: row["download_count"] for row in found} == dict.fromkeys(names, 1)


LOAD_AND_MEASURE = """
import resource, sys
from datetime import date
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from events import load
from conftest import settings_in
from analytics_etl.warehouse import Warehouse
load(Warehouse(settings_in(Path(sys.argv[2]), sys.argv[3])))
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
    command = [sys.executable, "-c", LOAD_AND_MEASURE, str(Path(__file__).parent), str(folder), url]
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
