"""A folder of temporary files for each reader. The reader removes it, or after a crash the next reader does.

Readers share no folder: DuckDB uses the same file names in every process and removes them all at its end.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics_etl.disk import private

_PREFIX = "reader-"


class ScratchError(Exception):
    """The temporary folder cannot be written. No landing file caused it."""


class Scratch:
    """A folder below `parent` for one reader. Its lock shows that the owner lives: it ends with the process."""

    def __init__(self, parent: Path) -> None:
        private.make_folder(parent, parent)
        with locked(parent):  # else another reader could remove the folder before it is locked
            for folder in parent.glob(f"{_PREFIX}*"):
                _remove_abandoned(folder)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._lock = os.open(self.path, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which only one at a time can, in this process or another."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder unless its owner lives."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its owner has just removed it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
