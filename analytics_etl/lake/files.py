"""The files of the lake: `<family>/<table>/day=YYYY-MM-DD/<start of its SHA-256>.parquet`, which never change.

A file is written in a staging folder of the lake, synced, and moved to its name. It is part of the lake once a
transaction books it. A file that no transaction booked, or that another one has superseded, is removed after a grace
period, since a reader may still have it open.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from analytics_etl.disk import private

STAGING = "_staging"
"""The folder of files that are being written. Readers of Hive layouts skip names that begin with an underscore."""
_BLOCK = 1 << 20
_NAME_DIGITS = 32


class LakeError(RuntimeError):
    """A file with the rows of a day is missing or damaged, or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class LakeFile:
    """One day of one table in the lake, as the books have it."""

    table: str
    day: date
    path: str
    """Relative to the lake, with forward slashes."""
    rows: int
    size_bytes: int
    sha256: str
    contract_version: str
    has_personal_data: bool
    """Whether any value of a personal column is not NULL."""


@dataclass(frozen=True)
class Lake:
    """The folder of the lake."""

    folder: Path

    @property
    def staging(self) -> Path:
        """Where files are written before they get their names: on the same file system, so that they can be moved."""
        return self.folder / STAGING

    def place(self, written: Path, table: str, day: date) -> tuple[str, str]:
        """Move a written file to its name in the lake; return its path in the lake and its SHA-256."""
        digest = sha256_of(written)
        family, name = table.split(".")
        path = f"{family}/{name}/day={day.isoformat()}/{digest[:_NAME_DIGITS]}.parquet"
        target = self.folder / path
        private.make_folder(target.parent, self.folder)
        # The copy in the staging folder may be as private as that folder; the file is as private as its own.
        written.chmod(private.permissions_in(target.parent))
        written.replace(target)
        _sync_folders(target.parent, self.folder)
        return path, digest

    def locate(self, file: LakeFile) -> Path:
        """The path of a file. Raise LakeError if it is missing or has another size than the books say."""
        path = self.folder / file.path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise LakeError(f"{path} is missing ({file.table} {file.day}): {_REMEDY.format(file=file)}") from None
        if size != file.size_bytes:
            raise LakeError(
                f"{path} is damaged ({file.table} {file.day}): it has {size:,} bytes, expected {file.size_bytes:,}; "
                + _REMEDY.format(file=file)
            )
        return path

    def verified(self, file: LakeFile) -> Path:
        """The path of a file whose bytes have the SHA-256 of the books; else raise LakeError.

        A process computes the SHA-256 of a file once: files of the lake never change.
        """
        path = self.locate(file)
        found = _known_sha256(path, file.size_bytes, path.stat().st_mtime_ns)
        if found != file.sha256:
            raise LakeError(
                f"{path} is damaged ({file.table} {file.day}): its SHA-256 is {found}, expected {file.sha256}; "
                + _REMEDY.format(file=file)
            )
        return path

    def unbooked(self, booked: Sequence[str], grace_seconds: float) -> Iterator[str]:
        """Paths of files older than the grace period that the books do not name."""
        known, before = set(booked), time.time() - grace_seconds
        for path in self.folder.glob("*/*/day=*/*.parquet"):
            name = path.relative_to(self.folder).as_posix()
            if name not in known and path.stat().st_mtime < before:
                yield name

    def remove(self, path: str) -> None:
        """Remove a file and the folder of its day if that is empty now."""
        target = self.folder / path
        target.unlink(missing_ok=True)
        try:
            target.parent.rmdir()
        except OSError:  # it holds another file, or is gone already
            return


_REMEDY = "put the file back from a copy, or load the day again: analytics-etl backfill {file.day} {file.day}"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=100_000)
def _known_sha256(path: Path, _size: int, _modified: int) -> str:
    return sha256_of(path)


def _sync_folders(folder: Path, top: Path) -> None:
    """Make a new name survive a power cut: each folder is an entry of the one above it."""
    for path in (folder, *(parent for parent in folder.parents if parent.is_relative_to(top))):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
