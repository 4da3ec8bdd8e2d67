"""Landing files that records are appended to as they arrive: on disk before anybody is told, then ordinary files.

An open file is hidden from loads by its name, and its lock shows that its writer lives. One without a lock was left by
a process that was killed: its whole lines are all that anybody was told is stored.
"""

import fcntl
import os
import string
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from analytics_etl.disk import private
from analytics_etl.disk.whole_files import locked_part

MOST_EVENTS = 1_000
MOST_SECONDS = 5.0
"""A file that has as many events, or is as old, is closed."""
FOLDER = "api"
_BEGIN, _END = ".posted-", ".part"


class OpenFile:
    """The file of one table that is written to."""

    def __init__(self, landing_dir: Path, table: str) -> None:
        self._landing_dir = landing_dir
        self._table = table
        folder = landing_dir / table
        private.make_folder(folder, landing_dir)
        self._path = folder / f"{_BEGIN}{_letters()}{_END}"
        self._descriptor = locked_part(self._path, private.permissions_in(folder))
        _sync_folder(folder)
        self._began = time.monotonic()
        self._size = 0
        self._events = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to close it."""
        return self._events >= MOST_EVENTS or time.monotonic() - self._began >= MOST_SECONDS

    def append(self, lines: Iterable[str]) -> None:
        """Write lines so that they are on disk; OSError, and none of them is, if there is no room."""
        listed = list(lines)
        content = "".join(f"{line}\n" for line in listed).encode()
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], self._size + written)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)
        self._events += len(listed)

    def close(self) -> None:
        """Make it an ordinary landing file; remove it if it is empty."""
        _publish(self._path, self._landing_dir, self._table, self._size)
        os.close(self._descriptor)


def adopt(landing_dir: Path, tables: Iterable[str]) -> int:
    """Make ordinary files of those that killed processes left; returns how many these were."""
    count = 0
    for table in tables:
        for path in sorted((landing_dir / table).glob(f"{_BEGIN}*{_END}")):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                size = _whole_lines(descriptor)
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
                _publish(path, landing_dir, table, size)
                count += size > 0
            except BlockingIOError:  # its writer lives
                pass
            finally:
                os.close(descriptor)
    return count


def _publish(path: Path, landing_dir: Path, table: str, size: int) -> None:
    if not size:
        path.unlink()
        return
    now = datetime.now(UTC)
    year, week, _ = now.isocalendar()
    # Without a date as loads find it in names: the events may be of any day.
    folder = landing_dir / table / FOLDER / f"{year}w{week:02}"
    private.make_folder(folder, landing_dir)
    path.rename(folder / f"{now:%uT%Hh%Mm%Ss}-{_letters()}.ndjson")
    _sync_folder(folder)
    _sync_folder(path.parent)


def _whole_lines(descriptor: int) -> int:
    """The bytes up to the last line break."""
    size = os.fstat(descriptor).st_size
    while size:
        start = max(0, size - (1 << 16))
        at = os.pread(descriptor, size - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        size = start
    return 0


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _letters() -> str:
    """A name that nobody has, without digits, which might look like a date."""
    number, letters = uuid4().int, string.ascii_lowercase
    found = ""
    while number:
        number, rest = divmod(number, len(letters))
        found += letters[rest]
    return found
