"""Questions a family answers from its tables, as functions: parameters in, rows out. A module for each family.

Rows are dicts in the order of their columns. Not here: how they are printed, and what reports ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


class QueryError(ValueError):
    """A question that cannot be asked so; the message says what was expected."""


@dataclass(frozen=True)
class Page:
    """Rows, and where the next ones begin."""

    rows: Sequence[Row]
    next: str | None = None
    """Cursor to ask for the rows after these; None when there are no more."""
