"""Errors of a file, which reject it while the others go on, and our own errors, which end the run."""

import re
import zlib

import pyarrow as pa
import zstandard

from analytics_etl.disk.scratch import ScratchError


class StatementError(Exception):
    """A statement failed while it read rows. Arrow reports any such error as that of a broken file."""

    @property
    def is_ours(self) -> bool:
        """Whether no row can have caused the error."""
        return str(self).startswith(_OUR_STATEMENT_ERRORS)


class UnreadableFilesError(Exception):
    """Rows of some files stopped a statement: {path: reason}. The caller reads all again without these files."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in reasons.items()))
        self.reasons = reasons


FILE_FAULTS: tuple[type[Exception], ...] = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, NotImplementedError),
    *(zlib.error, zstandard.ZstdError, pa.ArrowException),
)
"""Errors of opening, reading and decoding a file. MemoryError and ScratchError are our own, as are errors of the
database and of the program.
"""

READ_FAULTS: tuple[type[Exception], ...] = (*FILE_FAULTS, MemoryError)
"""FILE_FAULTS, and MemoryError, which may be either: see `is_ours`."""

_OUR_STATEMENT_ERRORS = ("Out of Memory", "IO Error", "INTERNAL", "FATAL", "INTERRUPT", "Connection", "Permission")
"""Beginnings of DuckDB errors that no row causes. IO errors are among them: DuckDB itself opens
only temporary files.
"""

_MORE_THAN_A_FILE_MAY_ASK_FOR = 1 << 30
"""Bytes of one allocation. Files are read in slices of some megabytes, so only a damaged file asks for as many."""


def is_ours(error: Exception) -> bool:
    """Whether an error of reading a file is our own and not the file's."""
    if isinstance(error, MemoryError):
        asked = re.search(r"size (\d+)", str(error))
        return asked is None or int(asked[1]) < _MORE_THAN_A_FILE_MAY_ASK_FOR
    return isinstance(error, ScratchError)


def short_reason(error: Exception) -> str:
    """The first line of an error's message."""
    if isinstance(error, FileNotFoundError):
        return "was there when the folder was listed and is gone"
    return str(error).strip().partition("\n")[0] or type(error).__name__
