"""Questions a family answers from its tables, as functions: parameters in, rows out.

Rows are dicts in the order of their columns. Not here: how they are printed, and what reports ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = Mapping[str, Any]


class QueryError(ValueError):
    """A question that cannot be asked so; the message says what was expected."""


@dataclass(frozen=True)
class Coverage:
    """The days of a question that its table does not have."""

    table: str
    dropped: Sequence[date] = ()
    """Days whose rows were not kept."""
    missing: Sequence[tuple[date, date]] = ()
    """First and last day of each gap: days that were never loaded, or not computed."""
    other_days: int = 0
    """Number of days that are loaded, perhaps without a row."""
    lack: str = " and not in the answer"
    """Words after "not kept": what the answer lacks because of these days."""


@dataclass(frozen=True)
class Page:
    """Rows, and where the next ones begin."""

    rows: Sequence[Row]
    next: str | None = None
    """Cursor to ask for the rows after these; None when there are no more."""
    coverage: Coverage | None = None
    """The coverage of the days of the question; None if it is about no days."""
