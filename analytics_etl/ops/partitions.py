"""Reading the records of partitions: which exist, and when they changed. Not here: writing them (`records`)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from analytics_etl.postgres.connection import Connection, rows

DROPPED_DAYS_VERSION = "days were dropped"
"""The code version in ops.partitions that marks a partition computed from days that were dropped since."""


def newest_day(connection: Connection, tables: Sequence[str]) -> date | None:
    """The start of the newest partition of any of some tables."""
    found = connection.execute(
        "select max(period_start) from ops.partitions where table_name = any(%s)", [list(tables)]
    ).fetchone()
    return None if found is None else found[0]


def last_change(connection: Connection, tables: Sequence[str]) -> str:
    """A text that is another one as soon as a partition of any of some tables is new, gone or has other rows."""
    found = connection.execute(
        "select concat_ws(' ', count(*), max(changed_at)) from ops.partitions where table_name = any(%s)",
        [list(tables)],
    ).fetchone()
    return "" if found is None else str(found[0])


def first_day(connection: Connection, tables: Sequence[str]) -> date | None:
    """The start of the first partition of any of some tables."""
    found = connection.execute(
        "select min(period_start) from ops.partitions where table_name = any(%s)", [list(tables)]
    ).fetchone()
    return None if found is None else found[0]


def days_around(
    connection: Connection, tables: Sequence[str], start: date, end: date
) -> tuple[date | None, date | None]:
    """The newest partition start before [start, end) and the first one after it, of any of some tables."""
    found = connection.execute(
        "select max(period_start) filter (where period_start < %s), "
        "min(period_start) filter (where period_start >= %s) from ops.partitions where table_name = any(%s)",
        [start, end, list(tables)],
    ).fetchone()
    return (None, None) if found is None else (found[0], found[1])


def families_with(connection: Connection, start: date, end: date) -> list[str]:
    """The families that have a day of [start, end) loaded: the others have no report of it."""
    found = connection.execute(
        "select distinct split_part(table_name, '.', 1) from ops.partitions "
        "where period_start >= %s and period_start < %s and period_end = period_start + 1 order by 1",
        [start, end],
    ).fetchall()
    return [family for (family,) in found]


def has_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> bool:
    """Whether all of some tables have all days of [start, end)."""
    found = connection.execute(
        "select count(*) from ops.partitions where table_name = any(%s) and period_start >= %s and period_start < %s "
        "and period_end = period_start + 1",
        [list(tables), start, end],
    ).fetchone()
    return found is not None and found[0] == len(tables) * (end - start).days


def newest_day_of_all(connection: Connection) -> date | None:
    """The newest day of any table that is kept by day."""
    found = connection.execute(
        "select max(period_start) from ops.partitions where period_end = period_start + 1"
    ).fetchone()
    return None if found is None else found[0]


def newest_starts(connection: Connection) -> dict[str, date]:
    """{table: first day of its newest partition}."""
    return dict(connection.execute("select table_name, max(period_start) from ops.partitions group by 1").fetchall())


def newest_durations(connection: Connection) -> dict[str, int]:
    """{table: milliseconds that its newest partition took}."""
    return dict(
        connection.execute(
            "select distinct on (table_name) table_name, duration_ms from ops.partitions order by 1, period_start desc"
        ).fetchall()
    )


def changed_at(connection: Connection) -> dict[str, datetime]:
    """{table: when the rows of any of its partitions last changed}, without tables for which this is not recorded."""
    return dict(
        connection.execute(
            "select table_name, max(changed_at) from ops.partitions where changed_at is not null group by 1"
        ).fetchall()
    )


def days_there(connection: Connection, table: str, first: date, last: date) -> list[date]:
    """The days first to last that a table kept by day has, in order."""
    found = connection.execute(
        "select period_start from ops.partitions where table_name = %s and period_start between %s and %s order by 1",
        [table, first, last],
    ).fetchall()
    return [day for (day,) in found]


def days_of_periods(connection: Connection, table: str, of_days: str, first: date, last: date) -> list[date]:
    """The days first to last that the table `of_days` has and that lie in a partition of `table`, in order."""
    found = connection.execute(
        """
        select days.period_start
        from ops.partitions as days
        join ops.partitions as periods
            on periods.table_name = %s and periods.period_start <= days.period_start
            and periods.period_end > days.period_start
        where days.table_name = %s and days.period_start between %s and %s
        order by 1""",
        [table, of_days, first, last],
    ).fetchall()
    return [day for (day,) in found]


def empty_days(connection: Connection, tables: Sequence[str], first: date, last: date) -> list[date]:
    """The days first to last that are loaded into at least one of some tables and have no row in any, in order."""
    found = connection.execute(
        "select period_start from ops.partitions where table_name = any(%s) and period_start between %s and %s "
        "group by 1 having sum(rows) = 0 order by 1",
        [list(tables), first, last],
    ).fetchall()
    return [day for (day,) in found]


def known_days(connection: Connection, first: date, last: date) -> dict[date, bool]:
    """{day: whether it is loaded} of the days first to last with a partition or rows in a landing file, in order."""
    found = connection.execute(
        """
        select day, bool_or(is_there) from (
            select period_start as day, true as is_there from ops.partitions where period_end = period_start + 1
            union
            select day, false from ops.loaded_days where rows_read > rows_rejected
        ) as days
        where day between %s and %s
        group by 1
        order by 1""",
        [first, last],
    ).fetchall()
    return dict(found)


def touched(connection: Connection, table: str, after: date, before: date) -> dict[date, date]:
    """The partitions of a table that end after one day and start before another, in order: {start: end}."""
    found = connection.execute(
        "select period_start, period_end from ops.partitions "
        "where table_name = %s and period_end > %s and period_start < %s order by 1",
        [table, after, before],
    ).fetchall()
    return dict(found)


def of_version(connection: Connection, table: str, code_version: str) -> dict[date, date]:
    """The partitions of a table that one version of its code made, in order: {start: end}."""
    found = connection.execute(
        "select period_start, period_end from ops.partitions where table_name = %s and code_version = %s order by 1",
        [table, code_version],
    ).fetchall()
    return dict(found)


def has_version(connection: Connection, table: str, code_version: str) -> bool:
    """Whether any partition of a table was made by a version of its code."""
    found = connection.execute(
        "select exists (select from ops.partitions where table_name = %s and code_version = %s)", [table, code_version]
    ).fetchone()
    return found is not None and bool(found[0])


def set_version(connection: Connection, table: str, starts: Sequence[date], code_version: str) -> None:
    """Record another code version for some partitions, which makes them outdated."""
    connection.execute(
        "update ops.partitions set code_version = %s where table_name = %s and period_start = any(%s)",
        [code_version, table, list(starts)],
    )


def archived_files(connection: Connection) -> list[dict[str, Any]]:
    """The size of the archive file of each archived day that the lake does not have yet, in order."""
    return rows(
        connection,
        "select table_name, day, size_bytes from ops.archives as a "
        "where state = 'archived' and manifest is not null and not exists "
        "(select from ops.lake_files as f "
        "where f.table_name = a.table_name and f.day = a.day and f.superseded_at is null) "
        "order by day, table_name",
    )


def published(connection: Connection, table: str, lateness_days: int) -> list[dict[str, Any]]:
    """The partitions of a table: period_start, period_end, rows, when these changed last, and whether they are final.

    A day is as final as its state says, a longer period once its family has a day that is `lateness_days` after its
    last one.
    """
    return rows(
        connection,
        """
        select p.period_start, p.period_end, p.rows, coalesce(p.changed_at, p.updated_at) as changed_at,
            case when p.period_end = p.period_start + 1 then coalesce(d.is_final, false)
                else p.period_end - 1 + %(lateness)s <= newest.day
            end as is_final
        from ops.partitions as p
        left join ops.days as d on d.table_name = p.table_name and d.day = p.period_start
        cross join (
            select coalesce(max(period_start), '-infinity') as day from ops.partitions
            where split_part(table_name, '.', 1) = split_part(%(table)s, '.', 1) and period_end = period_start + 1
        ) as newest
        where p.table_name = %(table)s
        order by p.period_start""",
        {"table": table, "lateness": lateness_days},
    )
