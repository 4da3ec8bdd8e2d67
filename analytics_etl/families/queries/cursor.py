"""Pages of rows: where one ends and the next begins, and how large it may be.

Of events, newest first; of texts that are counted, the most frequent first, those of one count by their characters.
Cursors need no quotes in a shell. Times are UTC.
"""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError, Row

LARGEST_PAGE = 10_000
LARGEST_ANSWER = 100_000
"""Rows of an answer without pages, at most."""
LARGEST_COUNT = 2**63 - 1
_BEFORE_ALL = ("infinity", str(UUID(int=2**128 - 1)))


def check_limit(limit: int) -> None:
    """Raise QueryError for a page that is too large."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise QueryError(f"the limit must be 1 to {LARGEST_PAGE:,}, but is {limit}")


def whole(rows: Sequence[Row], coverage: Coverage | None = None) -> Page:
    """The page of an answer without pages, whose query had a limit of LARGEST_ANSWER + 1."""
    if len(rows) > LARGEST_ANSWER:
        raise QueryError(f"there are more than {LARGEST_ANSWER:,} rows, which is the most of an answer: ask for less")
    return Page(rows, coverage=coverage)


def cursor_of(row: Mapping[str, Any], time_column: str) -> str:
    """The cursor after a row."""
    return f"{text_of(row[time_column])},{row['event_id']}"


def read_cursor(cursor: str | None) -> tuple[str, str]:
    """Time and id of the last row of the page before; without a cursor, a position before all rows."""
    if cursor is None:
        return _BEFORE_ALL
    at, _, event_id = cursor.partition(",")
    try:
        return text_of(utc(datetime.fromisoformat(at))), str(UUID(event_id))
    except (ValueError, OverflowError) as error:  # the second one at the ends of the calendar
        raise _no_cursor(cursor) from error


def count_cursor_of(count: int, text: str) -> str:
    """The cursor after a text that was counted."""
    return f"{count},{urlsafe_b64encode(text.encode()).decode()}"


def read_count_cursor(cursor: str | None) -> tuple[int, str]:
    """Count and text of the last row of the page before; without a cursor, a position before all rows."""
    if cursor is None:
        return LARGEST_COUNT, ""
    count, _, coded = cursor.partition(",")
    try:
        number, text = int(count), b64decode(coded, altchars="-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise _no_cursor(cursor) from error
    if not 0 <= number <= LARGEST_COUNT or "\0" in text:
        raise _no_cursor(cursor)
    return number, text


def _no_cursor(cursor: str) -> QueryError:
    return QueryError(f"the cursor must be the one that came with the page before, but is {cursor!r}")


def utc(at: datetime) -> datetime:
    """A time in UTC; one without a zone is taken to be."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def text_of(at: datetime) -> str:
    """A time as SQL and users read it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
