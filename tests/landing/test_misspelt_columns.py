"""A misspelt column is told by the run and by doctor, in every format; a foreign one is nobody's matter."""

from typing import Any

import pyarrow as pa
import pytest
from events import DOWNLOADS, REQUIRED, ask, csv_text, download, ledger, load, ndjson, write, write_parquet

from analytics_etl.cli.execution import reporting_rejected
from analytics_etl.config.settings import Settings
from analytics_etl.landing.misspelt import misspelt
from analytics_etl.monitoring.doctor.files import columns
from analytics_etl.pipeline.misspelt import misspelt_columns
from analytics_etl.postgres.database import Database

SAID = "unknown column lenguage, did you mean language?"


def misspelling(number: int) -> dict[str, Any]:
    """A download that says `lenguage`, and a column nobody knows."""
    event = download(number, lenguage="go", colour="blue")
    del event["language"]
    return event


def test_each_format_tells(settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    write(settings, "download_events/a.ndjson", ndjson([misspelling(n) for n in range(5)]))
    write(settings, "download_events/b.csv", csv_text([misspelling(n) for n in range(5, 10)]))
    table = pa.Table.from_pylist([misspelling(n) for n in range(10, 15)])
    write_parquet(settings, "c.parquet", dict(zip(table.column_names, table.columns, strict=True)))
    write(settings, "download_events/d.ndjson", ndjson([download(20, colour="blue")]))
    with reporting_rejected(settings, ("registry",)):
        load(database)
    assert capsys.readouterr().out == f"! download_events/a.ndjson and 2 more files: {SAID}\n"
    [counts] = ask(settings.database_url, f"select count(*), count(language) as known from {DOWNLOADS}")
    assert counts == {"count": 16, "known": 1}, "nothing is rejected"
    reasons = {path.rsplit("/", 1)[1]: file["reason"] for path, file in ledger(settings.database_url).items()}
    assert (reasons["a.ndjson"], reasons["d.ndjson"]) == (SAID, None)
    assert reasons["b.csv"].startswith(f"{SAID}; columns nobody asked for were ignored: ['colour', 'lenguage']; ")
    finding = columns(database)
    assert (finding.is_well, finding.is_note) == (True, True)
    assert finding.detail == f"download_events/a.ndjson and 2 more files: {SAID}"
    assert misspelt_columns(database, families=("usage",)) == []


def test_a_key_that_some_rows_leave_out(settings: Settings, database: Database) -> None:
    """`languages` is a column of its own when any row has `language`."""
    without = [download(n, languages="go, c") for n in range(1000)]
    for event in without[:-2]:
        del event["language"]
    write(settings, "download_events/a.ndjson", ndjson(without))
    load(database)
    assert misspelt_columns(database) == []
    assert not columns(database).is_note


def test_a_required_column(settings: Settings, database: Database) -> None:
    names = [name.replace("file_size", "filesize") for name in REQUIRED]
    text = csv_text([download(1)], REQUIRED).replace(b"file_size", b"filesize")
    assert text.startswith(",".join(names).encode())
    write(settings, "download_events/a.csv", text)
    write(settings, "download_events/b.ndjson", b"[1]\n" + b'{"fileSize": 1}\n' + b'{"a": ' + b"1" * 5000 + b"}\n")
    load(database)
    files = ledger(settings.database_url)
    assert files["download_events/a.csv"]["reason"].startswith(
        "unknown column filesize, did you mean file_size?; the columns ['file_size'] are missing"
    )
    assert misspelt_columns(database) == [
        "download_events/b.ndjson: unknown column fileSize, did you mean file_size?"
    ], "a rejected file is told with its reason"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lenguage", "language"), ("Language", "language"), ("durationMs", "duration_ms"), ("duration", "duration_ms"),
        ("trace_id", None), ("client_version", None), ("browser", None), ("", None), ("language\n", None),
    ],
)  # fmt: skip
def test_what_is_close(name: str, meant: str | None) -> None:
    wanted = frozenset({"event_id", "language", "duration_ms", "target_version"})
    assert misspelt(frozenset({"event_id", name}), wanted).get(name) == meant
    assert misspelt(frozenset({*wanted, name}), wanted) == {}, "the file has the column"
