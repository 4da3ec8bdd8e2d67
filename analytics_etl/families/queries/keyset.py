"""Pages of an answer in the order of a key: a cursor holds the key of the last row, the next page what comes after.

A SELECT takes part by a condition like `(:is_first_page or (day, rank) > (:after_day::date, :after_rank))`. Cursors
need no quotes in a shell.
"""

import binascii
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from analytics_etl.families.queries import Page, QueryError, Row
from analytics_etl.families.queries.cursor import LARGEST_COUNT, check_limit, text_of, utc
from analytics_etl.families.queries.texts import is_storable

_FIRST_OF: Mapping[type, str | int] = {
    date: "2000-01-01", datetime: "2000-01-01T00:00:00Z", UUID: str(UUID(int=0)), str: "", int: 0,
}  # fmt: skip
"""Of each type a value for the condition's other half, which is not looked at on the first page."""


@dataclass(frozen=True)
class Key:
    """The columns that tell one row of an answer from all others, in the order of the rows, with their types."""

    columns: Mapping[str, type]

    def parameters(self, cursor: str | None, limit: int) -> dict[str, str | int]:
        """What a SELECT needs for the page after a cursor; it gives a row more than the page, if there are more."""
        check_limit(limit)
        values: Sequence[str | int] = [_FIRST_OF[kind] for kind in self.columns.values()]
        if cursor is not None:
            values = self._read(cursor)
        named = {f"after_{name}": value for name, value in zip(self.columns, values, strict=True)}
        return {"is_first_page": cursor is None, "limit": limit + 1, **named}

    def page(self, found: Sequence[Row], limit: int) -> Page:
        """The rows of a page, and the cursor after them if there are more."""
        rows = found[:limit]
        return Page(rows, self._cursor_of(rows[-1]) if len(found) > limit else None)

    def _cursor_of(self, row: Row) -> str:
        values = [_plain(row[name]) for name in self.columns]
        return urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode()

    def _read(self, cursor: str) -> list[str | int]:
        try:
            values = json.loads(b64decode(cursor, altchars="-_", validate=True).decode())
            return [_checked(value, kind) for value, kind in zip(values, self.columns.values(), strict=True)]
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
            raise QueryError(f"the cursor must be the one that came with the page before, but is {cursor!r}") from error


def _plain(value: Any) -> str | int:
    if isinstance(value, datetime):
        return text_of(value)
    return value if isinstance(value, int | str) else str(value)


def _checked(value: Any, kind: type) -> str | int:
    """A value of a cursor as SQL reads it; ValueError or TypeError for one that never came out of `_plain`."""
    if kind is int:
        if type(value) is not int or abs(value) > LARGEST_COUNT:
            raise TypeError(f"expected a whole number, got {value!r}")
        return value
    if not isinstance(value, str) or not is_storable(value):
        raise TypeError(f"expected a text, got {value!r}")
    if kind is UUID:
        return str(UUID(value))
    if kind is date:
        return date.fromisoformat(value).isoformat()
    return text_of(utc(datetime.fromisoformat(value))) if kind is datetime else value
