"""Copies of an event: one of them is kept, always the same one, and all are counted."""

from datetime import timedelta

from books import assert_books_balance, failing_checks
from events import DAY, DOWNLOADS, FILE, ask, at, booked, csv_text, download, load, rows_of, write

from analytics_etl.catalog import Catalog
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse


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
