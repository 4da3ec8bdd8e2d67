"""What a file of the lake is, and what every place of files can do.

Its name is `<family>/<table>/day=YYYY-MM-DD/<start of its SHA-256>.parquet`, and it never changes. It is part of the
lake once a transaction books it. A file that no transaction booked, or that another one has superseded, is removed
after a grace period, since a reader may still have it open.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from analytics_etl.disk.scratch import Scratch

_BLOCK = 1 << 20
_NAME_DIGITS = 32


class LakeError(RuntimeError):
    """A file with the rows of a day is missing or damaged, or its place cannot be used; the message says what to do."""


class LostFileError(LakeError):
    """A file is missing or damaged."""


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

    def missing(self, where: object) -> LakeError:
        """The error that this file is not where it should be."""
        return LostFileError(f"{where} is missing ({self.table} {self.day}): {self._remedy}")

    def damaged(self, where: object, what: str) -> LakeError:
        """The error that this file is not what it was; `what` says what it has, and what was expected."""
        return LostFileError(f"{where} is damaged ({self.table} {self.day}): {what}; {self._remedy}")

    @property
    def _remedy(self) -> str:
        return f"put the file back from a copy, or load the day again: analytics-etl backfill {self.day} {self.day}"


class Lake(Protocol):
    """Where the files of the lake lie. Paths on this machine are good as long as the value that gave them lives."""

    def scratch(self) -> Scratch:
        """A folder in which a file can be written before it is placed."""

    def place(self, written: Path, table: str, day: date) -> tuple[str, str]:
        """Put a written file into the lake, whole or not at all; return its path in the lake and its SHA-256."""

    def locate(self, file: LakeFile) -> Path:
        """The path of a file on this machine. Raise LakeError if it is missing or has another size than it should."""

    def verified(self, file: LakeFile) -> Path:
        """The path of a file whose bytes have the SHA-256 of the books; else raise LakeError."""

    def reread(self, file: LakeFile) -> Path:
        """As `verified`, of the file where it is kept, not of a copy: before its rows are removed anywhere else."""

    def problems(self, files: Sequence[LakeFile]) -> list[str]:
        """What is wrong with the files that are missing or have another size. Reads no content."""

    def unbooked(self, booked: Sequence[str], grace_seconds: float) -> Iterator[tuple[str, int]]:
        """(path, bytes) of files older than the grace period that the books do not name."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    def remove_unfinished(self, grace_seconds: float) -> None:
        """Remove what killed processes began to write and never placed."""


def usable(lake: Lake, file: LakeFile) -> Path | None:
    """The path of a file whose day is about to be replaced; None if it is missing or damaged, which this mends."""
    try:
        return lake.verified(file)
    except LostFileError:
        return None


def path_of(table: str, day: date, sha256: str) -> str:
    """The path of a file in the lake."""
    family, name = table.split(".")
    return f"{family}/{name}/day={day.isoformat()}/{sha256[:_NAME_DIGITS]}.parquet"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def known_sha256(path: Path) -> str:
    """The SHA-256 of a file of the lake. A process computes it once: files of the lake never change."""
    status = path.stat()
    return _known_sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _known_sha256(path: Path, _size: int, _modified: int) -> str:
    return sha256_of(path)
