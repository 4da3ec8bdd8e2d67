"""SELECTs as a report asks them: one, or several about the same moment."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.catalog.models import bind, window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, rows
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION


class Snapshot:
    """The tables as they were at its first question: what is committed later is not seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        return ask(self._connection, statement, parameters, start, end)

    def newest_day(self, tables: Sequence[str]) -> date | None:
        """The newest partition of any of some tables that was materialised."""
        return newest_day(self._connection, tables)

    def days_around(self, tables: Sequence[str], start: date, end: date) -> tuple[date | None, date | None]:
        """The newest partition before [start, end) and the first one after it, of any of some tables."""
        found = self._connection.execute(
            "select max(period_start) filter (where period_start < %s), "
            "min(period_start) filter (where period_start >= %s) from ops.partitions where table_name = any(%s)",
            [start, end, list(tables)],
        ).fetchone()
        return (None, None) if found is None else (found[0], found[1])

    def first_day(self, tables: Sequence[str]) -> date | None:
        """The first partition of any of some tables that was materialised."""
        found = self._connection.execute(
            "select min(period_start) from ops.partitions where table_name = any(%s)", [list(tables)]
        ).fetchone()
        return None if found is None else found[0]

    def families_with(self, start: date, end: date) -> list[str]:
        """The families of which any day of [start, end) is loaded: the others have no report of it."""
        found = self._connection.execute(
            "select distinct split_part(table_name, '.', 1) from ops.partitions "
            "where period_start >= %s and period_start < %s and period_end = period_start + 1 order by 1",
            [start, end],
        ).fetchall()
        return [family for (family,) in found]

    def has_days(self, tables: Sequence[str], start: date, end: date) -> bool:
        """Whether all days of [start, end) are there in all of some tables."""
        return has_days(self._connection, tables, start, end)


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """Ask several things on one connection that sees one moment."""
    with transaction(settings, AGGREGATION) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        yield Snapshot(connection)


def ask(
    connection: Connection, statement: str, parameters: Mapping[str, str | int] | None = None,
    start: date | None = None, end: date | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a SELECT on a connection, see `Snapshot.query`."""
    window = window_parameters(start, end) if start is not None and end is not None else {}
    text: Any = bind(statement, {**window, **(parameters or {})})
    return rows(connection, sql.SQL(text))


def newest_day(connection: Connection, tables: Sequence[str]) -> date | None:
    """The newest partition of any of some tables, on a connection."""
    found = connection.execute(
        "select max(period_start) from ops.partitions where table_name = any(%s)", [list(tables)]
    ).fetchone()
    return None if found is None else found[0]


def has_days(connection: Connection, tables: Sequence[str], start: date, end: date) -> bool:
    """Whether all days of [start, end) are there in all of some tables, on a connection."""
    found = connection.execute(
        "select count(*) from ops.partitions where table_name = any(%s) and period_start >= %s and period_start < %s "
        "and period_end = period_start + 1",
        [list(tables), start, end],
    ).fetchone()
    return found is not None and found[0] == len(tables) * (end - start).days
