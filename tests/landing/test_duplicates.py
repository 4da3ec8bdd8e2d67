"""Copies of an event: one of them is kept, always the same one, and all are counted."""

from datetime import timedelta

from books import assert_books_balance, failing_checks
from events import DAY, DOWNLOADS, FILE, ask, at, booked, csv_text, download, load, rows_of, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database


def test_copies_within_and_across_files(settings: Settings, database: Database, catalog: Catalog) -> None:
    same = download(1)
    write(settings, "download_events/a.ndjson", [same, same, download(2, file_size=20), download(3)])
    write(settings, "download_events/b.csv", csv_text([same, download(2, file_size=21), download(4)]))
    late = download(3, downloaded_at=at(50_000), user_id="later")
    write(settings, "download_events/c.ndjson", [late, download(1, DAY + timedelta(days=1))])
    [loaded], _ = load(database)
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
    assert failing_checks(database, catalog) == set()
    load(database, DOWNLOADS, DAY + timedelta(days=1))
    assert failing_checks(database, catalog, DAY + timedelta(days=1)) == {"event_ids_are_of_one_day"}


def test_the_highest_revision_is_kept_and_those_it_replaced_are_no_conflict(
    settings: Settings, database: Database, catalog: Catalog
) -> None:
    """Whatever their times; a record without a revision is below all others, 0 among them."""
    first = [download(1), download(2, revision=7, file_size=20), download(3, revision=0), download(4, revision=1)]
    later = [
        download(1, downloaded_at=at(80_000), revision=0, file_size=11),
        download(2, downloaded_at=at(1), revision=10, file_size=21),
        download(2, downloaded_at=at(0), file_size=22),
        download(3, file_size=30),
        download(4, revision=1, file_size=9),
        download(5, revision=-1),
    ]
    for files in ((first, later), (later, first)):
        for name, events in zip("ab", files, strict=True):
            write(settings, f"download_events/{name}.ndjson", events)
        [loaded], _ = load(database)
        assert (loaded.rows, loaded.duplicates, loaded.conflicting) == (4, 5, 1)
        kept = ask(settings.database_url, f"select event_id, file_size, revision from {DOWNLOADS}")
        sizes = {row["event_id"].int: (row["file_size"], row["revision"]) for row in kept}
        assert sizes.pop(4) in ((104, 1), (9, 1))
        assert sizes == {1: (11, 0), 2: (21, 10), 3: (103, 0)}
        assert_books_balance(settings)
        assert failing_checks(database, catalog) <= {"rejected_rows_are_few"}
    [reason] = ask(settings.database_url, "select distinct reason from ops.rejected_rows")
    assert reason["reason"] == "revision_not_negative: expected revision >= 0, got revision = -1"


def test_a_later_revision_on_another_day_is_another_event(
    settings: Settings, database: Database, catalog: Catalog
) -> None:
    tomorrow = DAY + timedelta(days=1)
    write(settings, FILE, [download(1, revision=1), download(1, tomorrow, revision=2)])
    load(database, DOWNLOADS, DAY, tomorrow)
    assert failing_checks(database, catalog, tomorrow) == {"event_ids_are_of_one_day"}
    kept = ask(settings.database_url, f"select revision from {DOWNLOADS} order by downloaded_at")
    assert [row["revision"] for row in kept] == [1, 2]


def test_of_copies_at_the_same_time_the_smallest_hash_is_kept(settings: Settings, database: Database) -> None:
    copies = [download(1, file_size=size) for size in range(8)]
    write(settings, FILE, copies)
    load(database)
    alone: list[tuple[str, str]] = []
    for copy in copies:
        write(settings, FILE, [copy])
        load(database)
        # The revision, the last column, is no part of it: what was kept before there was one is kept now.
        hashed = "md5(left(t::text, -2) || ')') as hash"
        [row] = ask(settings.database_url, f"select {hashed}, t::text as text from {DOWNLOADS} as t")
        alone.append((row["hash"], row["text"]))
    write(settings, FILE, copies[::-1])
    load(database)
    assert rows_of(settings.database_url) == [min(alone)[1]]
