"""Copies of the files of a lake that lies elsewhere, in a folder of bounded size.

Files of the lake never change and are named by their content, so a copy is right for ever. When the folder is full, the
files that nobody used for longest go. Those that a living reader may have open stay, whatever their size: each `Cache`
has a lease, a locked file that was made before it first used another one, and a file that was used since the oldest
lease of a living process is not removed. The time of access says when a file was used; it is set here, whether the
file system keeps it or not.
"""

import fcntl
import os
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics_etl.disk import private
from analytics_etl.disk.scratch import Scratch, locked
from analytics_etl.lake.files import LakeFile
from analytics_etl.lake.folder import STAGING, move_into

_LEASES = "_leases"


class Cache:
    """The folder of copies. Paths of it are good as long as this value lives."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder, self._limit = folder, limit_bytes
        self._has_lease = False

    def scratch(self) -> Scratch:
        """A folder from which files can be moved into this one."""
        private.make_folder(self.folder, self.folder)
        return Scratch(self.folder / STAGING)

    def find(self, file: LakeFile) -> Path | None:
        """The copy of a file, of the right size; None if there is none."""
        path = self.folder / file.path
        with self._leased():
            try:
                status = path.stat()
            except FileNotFoundError:
                return None
            if status.st_size != file.size_bytes:
                return None
            _note_use(path)
        return path

    def take(self, written: Path, path: str) -> Path:
        """Move a file from the scratch folder to its name, after making room for it."""
        target = self.folder / path
        with self._leased():
            self._make_room(target, written.stat().st_size)
            move_into(written, target, self.folder)
            _note_use(target)
        return target

    def remove(self, path: str) -> None:
        """Remove a copy, if there is one."""
        (self.folder / path).unlink(missing_ok=True)

    @contextmanager
    def _leased(self) -> Iterator[None]:
        """Hold the lock of the folder; nothing that is used from now on goes as long as this value lives."""
        leases = self.folder / _LEASES
        private.make_folder(leases, self.folder)
        with locked(self.folder):
            if not self._has_lease:
                descriptor, name = tempfile.mkstemp(dir=leases)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                weakref.finalize(self, _end_lease, descriptor, Path(name))
                self._has_lease = True
            yield

    def _make_room(self, target: Path, size: int) -> None:
        """Remove what was not used for longest until a file fits beside the others; the folder is locked."""
        files = [(path, path.stat()) for path in self.folder.glob("*/*/day=*/*.parquet") if path != target]
        too_much = sum(status.st_size for _, status in files) + size - self._limit
        if too_much <= 0:
            return
        oldest = self._oldest_lease()
        for path, status in sorted(files, key=lambda each: each[1].st_atime_ns):
            if too_much <= 0 or status.st_atime_ns >= oldest:
                return
            path.unlink()
            too_much -= status.st_size

    def _oldest_lease(self) -> int:
        """When the oldest lease of a living reader began. Leases of dead processes are removed."""
        found = []
        for path in (self.folder / _LEASES).iterdir():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            except BlockingIOError:
                found.append(os.fstat(descriptor).st_mtime_ns)
            finally:
                os.close(descriptor)
        return min(found)  # our own is there


def _note_use(path: Path) -> None:
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def _end_lease(descriptor: int, path: Path) -> None:
    """End the lease of a reader that is gone; the lock ends with the descriptor."""
    path.unlink(missing_ok=True)
    os.close(descriptor)
