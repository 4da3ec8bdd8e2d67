"""Rubbish in CSV: records and headers that do not fit, and a mapped source."""

import pyarrow as pa
from books import assert_books_balance, failing_checks, loaded_ids
from events import (
    DOWNLOADS,
    REQUIRED,
    ask,
    at,
    csv_text,
    download,
    event_id,
    ledger,
    load,
    rejected,
    write,
    write_parquet,
)

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

CSV = "download_events/events.csv"


def record(number: int, module: str = "m", size: str = "1") -> str:
    return f"{event_id(number)},{at(number)},{module},1.0,{size},true"


def test_csv_records(settings: Settings, database: Database, catalog: Catalog) -> None:
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
    load(database)
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
    assert failing_checks(database, catalog) == {"rejected_rows_are_few"}


def test_a_mapped_source_in_every_format(settings: Settings, database: Database) -> None:
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
    write_parquet(settings, "cran_log/c.parquet", columns)
    load(database)
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


def test_csv_headers(settings: Settings, database: Database, catalog: Catalog) -> None:
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
    load(database)
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
    assert failing_checks(database, catalog) == {"files_are_readable"}
