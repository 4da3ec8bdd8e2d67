"""Whose fault an error is: a file's, which is rejected while the others go on, or ours, which ends the run."""

import re
import zlib

import pyarrow as pa
import zstandard


class ScratchError(Exception):
    """The temporary folder cannot be written: no file is to blame."""


class StatementError(Exception):
    """A statement that ended while it read rows. Arrow tells of it as of a broken file, whatever it was."""

    @property
    def is_ours(self) -> bool:
        return str(self).startswith(_OUR_STATEMENT_ERRORS)


class UnreadableFilesError(Exception):
    """Files whose rows stopped a statement half way: {path: reason}. What was read must be read again without them."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in reasons.items()))
        self.reasons = reasons


FILE_FAULTS: tuple[type[Exception], ...] = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError, NotImplementedError),
    *(zlib.error, zstandard.ZstdError, pa.ArrowException),
)
"""What opening, reading and decoding a file raises. Memory that is used up and ScratchError are ours, as are errors of
the database and of the program itself.
"""

READ_FAULTS: tuple[type[Exception], ...] = (*FILE_FAULTS, MemoryError)
"""The same, and errors that `is_ours` must be asked about."""

_OUR_STATEMENT_ERRORS = ("Out of Memory", "IO Error", "INTERNAL", "FATAL", "INTERRUPT", "Connection", "Permission")
"""How errors of DuckDB begin that no row causes: IO is about its temporary files, since it reads none of ours."""

_MORE_THAN_A_FILE_MAY_ASK_FOR = 1 << 30
"""Bytes at once: files are read in slices of some megabytes, so only a damaged one asks for so many."""


def is_ours(error: Exception) -> bool:
    """Whether an error while a file is read is none of the file's."""
    if isinstance(error, MemoryError):
        asked = re.search(r"size (\d+)", str(error))
        return asked is None or int(asked[1]) < _MORE_THAN_A_FILE_MAY_ASK_FOR
    return isinstance(error, ScratchError)


def said(error: Exception) -> str:
    """What an error says on its first line."""
    if isinstance(error, FileNotFoundError):
        return "was there when the folder was listed and is gone"
    return str(error).strip().partition("\n")[0] or type(error).__name__
