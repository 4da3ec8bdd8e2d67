"""Loads of different days of one table at the same time: none waits for another that waits for it."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from events import DAY, DOWNLOADS, ask, download, load, rejected, rows_of, write

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database
from analytics_etl.tables.loading import DayLoad

DAYS = [DAY + timedelta(days=n) for n in range(4)]


@contextmanager
def meeting(monkeypatch: pytest.MonkeyPatch, method: str, count: int) -> Iterator[None]:
    """So many loads are all at the same place before any goes on."""
    barrier, plain = threading.Barrier(count, timeout=60), getattr(DayLoad, method)

    def wait(self: DayLoad, *arguments: Any) -> Any:
        barrier.wait()
        return plain(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(DayLoad, method, wait)
        yield


def at_once(*calls: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def write_days(settings: Settings, count: int) -> None:
    """A file for each day, and one that holds rows of all of them, bad ones too."""
    for day in DAYS:
        write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in range(count)])
    both = [download(100 + n, day, file_size=-1 if n % 3 == 0 else n) for day in DAYS for n in range(count)]
    write(settings, "download_events/all.ndjson", both)


@pytest.mark.parametrize("place", ["drain", "publish"])
def test_two_days_that_are_there_are_replaced_at_once(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for day in DAYS:
        write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in range(5)])
    load(database, DOWNLOADS, *DAYS)
    for day in DAYS:
        write(settings, f"download_events/{day}.ndjson", [download(n, day) for n in range(7)])
    with meeting(monkeypatch, place, 2):
        at_once(*(lambda day=day: load(Database(settings), DOWNLOADS, day) for day in DAYS[:2]))
    assert len(rows_of(settings.database_url)) == 7 + 7 + 5 + 5


def test_many_loads_of_any_days_at_once(settings: Settings) -> None:
    """Also of days whose rows lie in the same file, one after the other or several together."""
    chance = random.Random(20250310)
    for count in (6, 9):
        write_days(settings, count)
        wanted: list[Sequence[date]] = [[day] for day in DAYS]
        wanted += [sorted(chance.sample(DAYS, 2)) for _ in range(4)]
        chance.shuffle(wanted)
        at_once(*(lambda days=days: load(Database(settings), DOWNLOADS, *days) for days in wanted))
        expected = len(DAYS) * (count + count - -(-count // 3))
        assert len(rows_of(settings.database_url)) == expected
        assert len(rejected(settings.database_url)) == len(DAYS) * -(-count // 3)
        [books] = ask(
            settings.database_url,
            "select sum(rows_read) as read, sum(rows_loaded) as loaded, sum(rows_rejected) as rejected "
            "from ops.loaded_days",
        )
        assert (books["loaded"], books["read"]) == (expected, expected + books["rejected"])
