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
    """What an answer cannot tell of the days it was asked for, since its table does not have them."""

    table: str
    archived: Sequence[date] = ()
    """Days whose rows are in the archive and not in the table."""
    missing: Sequence[tuple[date, date]] = ()
    """First and last day of each gap: days that were never loaded, or not computed."""
    other_days: int = 0
    """How many of the days asked for are there, perhaps without a row."""
    lack: str = " and not in the answer"
    """What follows from archived days, as words after "archived"."""


@dataclass(frozen=True)
class Page:
    """Rows, and where the next ones begin."""

    rows: Sequence[Row]
    next: str | None = None
    """Cursor to ask for the rows after these; None when there are no more."""
    coverage: Coverage | None = None
    """What is known of the days asked for; None when the question is about no days."""
