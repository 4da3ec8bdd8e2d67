"""Rejected rows, kept until the reader takes them, and the state of a file. Not here: the rules that reject."""

import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Literal

from analytics_etl.disk.scratch import ScratchError

UNKNOWN_COLUMN = "unknown column "
"""Beginning of the reason of a file that has columns which are likely misspelt."""

LONGEST_CONTENT = 10_000
"""Characters kept of a rejected row."""

REJECTED_AT_ONCE = 5_000
"""Most rejected rows in memory together: as Python objects they are large."""

REJECTED_BYTES_AT_ONCE = 4 << 20
"""Most characters of rejected rows in memory together."""


@dataclass(frozen=True)
class RejectedRow:
    """A rejected row, or with line None a rejected file: the reason, and the content."""

    line: int | None
    reason: str
    content: str | None
    day: date | None = None

    @property
    def size(self) -> int:
        """Characters of reason and content."""
        return len(self.reason) + len(self.content or "")


class WaitingRows:
    """Rejected rows that wait to be taken: a few in memory, more in a file, since DuckDB reads ahead."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rows: list[RejectedRow] = []
        self._size = 0
        self._file: IO[str] | None = None
        self._lock = threading.Lock()  # DuckDB reads on a thread of its own

    def append(self, row: RejectedRow) -> None:
        with self._lock:
            self._rows.append(row)
            self._size += row.size
            if len(self._rows) >= REJECTED_AT_ONCE or self._size >= REJECTED_BYTES_AT_ONCE:
                try:
                    self._write()
                except OSError as error:
                    raise ScratchError(f"{self._folder}: rejected rows cannot be kept there: {error}") from error

    def _write(self) -> None:
        if self._file is None:  # without a name, so nothing is left behind; take() closes it
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=self._folder)  # noqa: SIM115
        json.dump([(waiting.line, waiting.reason, waiting.content) for waiting in self._rows], self._file)
        self._file.write("\n")
        self._file.flush()
        self._rows, self._size = [], 0

    def take(self) -> Iterator[list[RejectedRow]]:
        """Remove and return the rows so far, at most REJECTED_AT_ONCE at a time."""
        with self._lock:
            file, rows = self._file, self._rows
            self._file, self._rows, self._size = None, [], 0
        if file is not None:
            with file:
                file.seek(0)
                for text in file:
                    yield [RejectedRow(*values) for values in json.loads(text)]
        if rows:
            yield rows


@dataclass
class FileState:
    """The outcome of reading one file, filled while it is read."""

    state: Literal["read", "cut_off", "rejected"] = "read"
    reasons: list[str] = field(default_factory=list)
    checksum: str = ""
    rejected: WaitingRows = field(default_factory=WaitingRows)
    """Rows that were rejected before they became records. The reader takes them from time to time."""

    def fail(self, state: Literal["cut_off", "rejected"], reason: str, line: int | None = None) -> None:
        """Set the state, and keep the reason as a reason of the file and as a rejected row."""
        self.state = state
        self.reasons.append(printable(reason))
        self.rejected.append(RejectedRow(line, printable(reason), None))


def printable(content: bytes | str) -> str:
    """The first LONGEST_CONTENT characters, those that PostgreSQL cannot store replaced."""
    text = content.decode("utf-8", errors="replace") if isinstance(content, bytes) else content
    text = text[:LONGEST_CONTENT].replace("\x00", "\N{REPLACEMENT CHARACTER}").rstrip("\r\n")
    return (
        text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")
    )  # a lone surrogate cannot be encoded
