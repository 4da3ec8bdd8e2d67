"""The days that a request is about: a number of them up to the newest complete day, or two dates."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Query

from analytics_etl.config.values import FIRST_DAY, LAST_DAY
from analytics_etl.families.queries import QueryError
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

ONE_DAY = timedelta(days=1)

Period = Annotated[
    str, Query(pattern="^[1-9][0-9]{0,2}d$", description="A number of days up to the newest complete one, like 30d.")
]
From = Annotated[date | None, Query(alias="from", description="First day; the newest day that is there by default.")]
To = Annotated[date | None, Query(description="Last day, which is included; the newest day by default.")]


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


def days_of(database: Database, table: str, period: str) -> Days | None:
    """The days of a period, up to the newest one that a table has; None before its first."""
    newest = database.run(newest_day, [table])
    if newest is None:
        return None
    return Days(newest - (int(period.removesuffix("d")) - 1) * ONE_DAY, newest)


def days_between(database: Database, table: str, first: date | None, last: date | None) -> Days | None:
    """The days of two dates; what is missing is the newest day that a table has. None if there is none."""
    for name, day in (("from", first), ("to", last)):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise QueryError(f"{name} must be a day of {FIRST_DAY} to {LAST_DAY}, but is {day}")
    newest = database.run(newest_day, [table]) if first is None or last is None else None
    last = last or (max(newest, first) if newest and first else newest or first)
    if last is None:
        return None
    return Days(first or last, last)
