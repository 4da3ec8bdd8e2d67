"""Coverage of a question: which of its days are loaded, not kept or missing. A missing day is not an empty one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.cursor import LARGEST_ANSWER, whole
from analytics_etl.ops.dropped import dropped_days
from analytics_etl.ops.partitions import days_of_periods, days_there
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database

ONE_DAY = timedelta(days=1)


def ask_days(
    database: Database, tables: Sequence[str], query: str, first: date, last: date,
    parameters: Mapping[str, str | int],
) -> Page:  # fmt: skip
    """All rows of a query about the days first to last, with the coverage of the first of `tables`, which it reads.

    `:end` is the day after `last`. Before the first run makes the tables, there are no rows.
    """
    check_days(first, last)
    wanted = {"limit": LARGEST_ANSWER + 1, **parameters}
    rows = ask(database, query, wanted, first, last + ONE_DAY) if are_there(database, tables) else []
    return whole(rows, coverage_of_days(database, tables[0], first, last))


def check_days(first: date, last: date) -> None:
    """Refuse days that are the wrong way round."""
    if first > last:
        raise QueryError(f"the last day must not be before the first, but {last} is before {first}")


def are_there(database: Database, tables: Sequence[str]) -> bool:
    """Whether all these tables or views exist."""
    return len(database.run(column_types, tables)) == len(tables)


def coverage_of_days(database: Database, table: str, first: date, last: date, *, is_raw: bool = False) -> Coverage:
    """The coverage of the days first to last in a table that is kept by day.

    Only of a raw table dropped days are looked up: readers of derived tables may not read the books of them.
    """
    found = database.read(days_there, table, first, last)
    after = last if last == date.max else last + ONE_DAY
    dropped = database.run(dropped_days, [table], first, after).get(table, []) if is_raw else []
    days = sorted({*dropped, *found})
    return Coverage(table, dropped, list(_gaps(days, first, last)), len(days) - len(dropped))


def coverage_of_periods(database: Database, table: str, of_days: str, first: date, last: date) -> Coverage:
    """The coverage of the days first to last in a table kept by day, week or month: the days of its partitions.

    `of_days` is the table kept by day that it is made from, perhaps itself.
    """
    days = database.read(days_of_periods, table, of_days, first, last)
    return Coverage(table, missing=list(_gaps(days, first, last)), other_days=len(days))


def coverage_of_moments(
    database: Database, table: str, since: datetime, until: datetime, *, is_raw: bool = False
) -> Coverage:
    """The same for the days that [since, until) touches; both in UTC."""
    last = (until - datetime.resolution).date()
    return coverage_of_days(database, table, since.date(), last, is_raw=is_raw)


def last_days_up_to(newest: date, last_days: int) -> tuple[datetime, datetime]:
    """So many days up to the newest one as [start, end) in UTC; from the first day there is, if they are too many."""
    if last_days < 1:
        raise QueryError(f"the number of days must be 1 or more, but is {last_days}")
    end = datetime(newest.year, newest.month, newest.day, tzinfo=UTC) + ONE_DAY
    return end - min(last_days, (newest - date.min).days + 1) * ONE_DAY, end


def coverage_of_last_days(
    database: Database, table: str, newest: date, last_days: int, *, is_raw: bool = False
) -> Coverage:
    """What a table has of the last days up to the newest one; none is missed before the first day of all tables."""
    start, _ = last_days_up_to(newest, last_days)
    first = min(newest, max(start.date(), database.settings.start_date))
    return coverage_of_days(database, table, first, newest, is_raw=is_raw)


def _gaps(days: Sequence[date], first: date, last: date) -> Iterator[tuple[date, date]]:
    """(first, last) of each stretch of the days first to last that is not in `days`, which are in order."""
    expected: date | None = first
    for day in days:
        if expected is not None and day > expected:
            yield expected, day - ONE_DAY
        expected = day + ONE_DAY if day < last else None
    if expected is not None:
        yield expected, last
