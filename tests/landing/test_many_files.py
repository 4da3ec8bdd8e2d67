"""Many small files in one load: read as one stream, but each row, rejection and count stays with its own file."""

from datetime import UTC, datetime, timedelta

import pytest
from events import (
    DAY,
    DOWNLOADS,
    REQUIRED,
    Event,
    ask,
    booked,
    csv_text,
    download,
    ledger,
    load,
    ndjson,
    rejected,
    write,
    write_raw,
)

from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.landing import validation
from analytics_etl.landing.fields import Fields
from analytics_etl.postgres.database import Database

FILES = 60


def test_each_row_stays_with_its_file(settings: Settings, database: Database) -> None:
    """Shapes change from file to file; every third has a bad line, every fifth is of the day after, one is damaged."""
    days = {n: DAY + timedelta(days=n % 5 == 0) for n in range(FILES)}
    for n, day in days.items():
        rows = [download(10 * n + i, day) for i in range(n % 4)]
        if n % 4 == 3:
            write(settings, f"download_events/{n:03}.csv", csv_text(rows) if n % 8 == 3 else _other_order(rows))
        else:
            write(settings, f"download_events/{n:03}.ndjson", ndjson(rows) + (b"{}\n" if n % 3 == 0 else b""))
    write_raw(settings, "download_events/030a.ndjson.gz", b"no gzip at all")

    load(database, DOWNLOADS, DAY, DAY + timedelta(days=1))

    url = settings.database_url
    expected_bad = [(f"download_events/{n:03}.ndjson", n % 4 + 1) for n in range(0, FILES, 3) if n % 4 != 3]
    assert sorted((row[0], row[1]) for row in rejected(url) if row[1] is not None) == expected_bad
    assert {path for path, file in ledger(url).items() if file["state"] == "rejected"} == {
        "download_events/030a.ndjson.gz"
    }
    for n, day in days.items():
        [path] = [path for path in ledger(url) if path.startswith(f"download_events/{n:03}.")]
        counts = booked(url).get(path, {})
        assert {d: kept for d, (_, _, kept, _, _) in counts.items()} == ({day.isoformat(): n % 4} if n % 4 else {}), (
            path
        )
    held = ask(url, f"select count(*) as count from {DOWNLOADS}")[0]["count"]
    assert held == sum(n % 4 for n in range(FILES))


def test_files_of_many_shapes_take_few_statements(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plan a statement takes longer than to read a small file: there is one a format, whatever the columns are."""
    statements = []
    validated = validation.validated

    def counted(contract: Contract, fields: Fields) -> str:
        statements.append(fields)
        return validated(contract, fields)

    monkeypatch.setattr(validation, "validated", counted)
    for n in range(40):
        rows = [download(n % 20)]
        names = [*REQUIRED[n % 5 :], *REQUIRED[: n % 5], *(["language"] if n % 3 else [])]
        write(
            settings, f"download_events/{n:03}.{'csv' if n % 2 else 'ndjson'}", csv_text(rows, names) if n % 2 else rows
        )
    _, reports = load(database)
    assert len(statements) == 2
    assert [report.file.path for report in reports] == sorted(ledger(settings.database_url))
    kept = [path for path, of_days in booked(settings.database_url).items() if of_days[DAY.isoformat()][2]]
    assert kept == sorted(ledger(settings.database_url))[:20]  # the first by path, though others are read before it


def test_an_impossible_time_is_measured_at_its_own_file(settings: Settings, database: Database) -> None:
    """More than one day after the file was found: of two files in one stream only the older one's row is."""
    found = datetime(DAY.year, DAY.month, DAY.day, 1, tzinfo=UTC)
    for number, (name, now) in enumerate([("a", found), ("b", found + timedelta(days=2))]):
        write(settings, f"download_events/{name}.ndjson", [download(number, DAY + timedelta(days=2))])
        load(database, DOWNLOADS, DAY + timedelta(days=2), now=now)
    [(name, line, reason, _)] = rejected(settings.database_url)
    assert (name, line) == ("download_events/a.ndjson", 1)
    assert "is more than one day after the file was found (2025-03-10 01:00:00+00)" in reason
    assert ask(settings.database_url, f"select count(*) as count from {DOWNLOADS}") == [{"count": 1}]


def _other_order(rows: list[Event]) -> bytes:
    """CSV whose columns come in another order: another shape."""
    return csv_text([dict(reversed(row.items())) for row in rows])
