"""A file is found when its content is first seen, whatever its modification time says."""

import os
from datetime import UTC, date, datetime, timedelta

from books import assert_books_balance, loaded_ids
from events import DAY, DOWNLOADS, FILE, download, ledger, load, rejected, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

FOUND = datetime(2025, 3, 10, 12, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
AFTER = DAY + timedelta(days=2)


def rows(*days: date) -> list[dict[str, object]]:
    return [download(number, day) for number, day in enumerate(days)]


def state(settings: Settings) -> tuple[list[int], int, datetime]:
    """Ids that are loaded, rows that are rejected, and when the file was found."""
    return loaded_ids(settings), len(rejected(settings.database_url)), ledger(settings.database_url)[FILE]["found_at"]


def test_an_old_modification_time_rejects_nothing(settings: Settings, database: Database) -> None:
    os.utime(write(settings, FILE, rows(DAY, DAY)), (315_532_800, 315_532_800))  # 1980, as archives leave it
    load(database, now=FOUND)
    assert state(settings) == ([0, 1], 0, FOUND)


def test_a_modification_time_to_come_lets_nothing_in(settings: Settings, database: Database) -> None:
    os.utime(write(settings, FILE, rows(DAY, AFTER)), (4_070_908_800, 4_070_908_800))  # 2099
    load(database, DOWNLOADS, DAY, AFTER, now=FOUND)
    assert state(settings) == ([0], 1, FOUND)
    assert (
        "more than one day after the file was found (2025-03-10 12:00:00+00)" in rejected(settings.database_url)[0][2]
    )


def test_an_unchanged_file_gives_the_same_rows_whenever_it_is_read(settings: Settings, database: Database) -> None:
    """Read again later, copied with another modification time, by a load of another day, or gone for a while."""
    path = write(settings, FILE, rows(DAY, NEXT, AFTER))
    load(database, DOWNLOADS, DAY, now=FOUND)
    assert state(settings) == ([0], 1, FOUND)
    load(database, DOWNLOADS, DAY, NEXT, AFTER, now=FOUND + timedelta(days=30))
    assert state(settings) == ([0, 1], 1, FOUND)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    load(database, DOWNLOADS, AFTER, now=FOUND + timedelta(days=31))
    assert state(settings) == ([0, 1], 1, FOUND)
    content = path.read_bytes()
    path.unlink()
    load(database, now=FOUND + timedelta(days=32))
    path.write_bytes(content)
    load(database, DOWNLOADS, DAY, NEXT, AFTER, now=FOUND + timedelta(days=33))
    assert state(settings) == ([0, 1], 1, FOUND)
    assert_books_balance(settings)


def test_another_content_is_found_anew(settings: Settings, database: Database) -> None:
    """Then a row that was too far ahead is not any more."""
    write(settings, FILE, rows(DAY, AFTER))
    load(database, DOWNLOADS, DAY, AFTER, now=FOUND)
    assert state(settings) == ([0], 1, FOUND)
    later = FOUND + timedelta(days=5)
    write(settings, FILE, [*rows(DAY, AFTER), download(7)])
    load(database, DOWNLOADS, DAY, AFTER, now=later)
    assert state(settings) == ([0, 1, 7], 0, later)


def test_of_two_loads_that_find_a_file_the_first_counts(settings: Settings, database: Database) -> None:
    """The second one looked before the first had written what it found."""
    write(settings, FILE, rows(DAY, NEXT))
    load(database, DOWNLOADS, DAY, now=FOUND)
    found: list[datetime] = []
    for now in (FOUND - timedelta(hours=1), FOUND + timedelta(hours=1)):
        with database.transaction() as connection:
            connection.execute("update ops.loaded_files set size_bytes = 0")  # as if it had not been there
        load(database, DOWNLOADS, NEXT, now=now)
        found.append(ledger(settings.database_url)[FILE]["found_at"])
    assert found == [FOUND - timedelta(hours=1)] * 2
