"""The days that a request is about: a number of them up to the newest complete day, or two dates."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Query

from analytics_etl.config.values import FIRST_DAY, LAST_DAY
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.cursor import utc
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

ONE_DAY = timedelta(days=1)
MOST_DAYS = 999
"""Of a request, as a period has at most."""

Period = Annotated[
    str, Query(pattern="^[1-9][0-9]{0,2}d$", description="A number of days up to the newest complete one, like 30d.")
]


@dataclass(frozen=True)
class Days:
    """The days first to last."""

    first: date
    last: date

    @property
    def before(self) -> "Days":
        """As many days before them."""
        length = self.last - self.first + ONE_DAY
        return Days(self.first - length, self.last - length)


def days_of(database: Database, table: str, period: str) -> Days:
    """The days of a period, up to the newest one that a table has, or the first it could have."""
    newest = database.run(newest_day, [table]) or database.settings.start_date
    return Days(newest - (int(period.removesuffix("d")) - 1) * ONE_DAY, newest)


class Stretch:
    """The days that a request names by the first and the last one, or by a number of days up to the newest."""

    def __init__(
        self, period: Period = "1d",
        first: Annotated[date | None, Query(alias="from", description="First day; instead of a period.")] = None,
        last: Annotated[date | None, Query(alias="to", description="Last day, which is included.")] = None,
    ) -> None:  # fmt: skip
        self._period, self._first, self._last = period, first, last

    def days(self, database: Database, table: str) -> Days:
        """The days; QueryError for some that are out of order, or too many."""
        newest = days_of(database, table, self._period)
        last = self._last or (newest.last if self._first is None else max(newest.last, self._first))
        first = self._first or last - (newest.last - newest.first)
        if not FIRST_DAY <= first <= last <= LAST_DAY or (last - first).days >= MOST_DAYS:
            raise QueryError(f"expected at most {MOST_DAYS} days in order, but got {first} to {last}")
        return Days(first, last)


Moment = Annotated[str, Query(max_length=40, description="A day like 2025-03-31, or a moment like 2025-03-31T13:00Z.")]


def moments(start: str, end: str) -> tuple[datetime, datetime]:
    """The half-open range of two moments; a day as the end is included. QueryError for what is neither."""
    since, _ = _moment("start", start)
    until, is_day = _moment("end", end)
    return since, until + ONE_DAY if is_day else until


def _moment(name: str, text: str) -> tuple[datetime, bool]:
    """A moment in UTC, and whether the text names a day."""
    try:
        found = utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise QueryError(f"{name} must be a day or a moment, like 2025-03-31T13:00Z, but is {text!r}") from None
    if not FIRST_DAY <= found.date() <= LAST_DAY:
        raise QueryError(f"{name} must be from {FIRST_DAY} to {LAST_DAY}, but is {text!r}")
    return found, len(text) == len("2025-03-31")


def as_moments(days: Days) -> tuple[datetime, datetime]:
    """The moments [start, end) of some days."""
    start = datetime(days.first.year, days.first.month, days.first.day, tzinfo=UTC)
    return start, start + (days.last - days.first + ONE_DAY)
