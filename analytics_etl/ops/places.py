"""Where the rows of partitions lie: in PostgreSQL as well, or in the lake alone."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from psycopg import sql

from analytics_etl.postgres.columns import relation_kind
from analytics_etl.postgres.connection import Connection, identifier


def in_lake_only(connection: Connection, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
    """{table: its partitions that begin in [start, end), without dropped ones, whose rows PostgreSQL does not have}."""
    found = connection.execute(
        """
        select table_name, array_agg(period_start order by period_start)
        from ops.partitions as p
        where not in_postgres and table_name = any(%s) and period_start >= %s and period_start < %s
            and not exists (
                select from ops.dropped_days as d where d.table_name = p.table_name and d.day = p.period_start
            )
        group by 1 order by 1""",
        [list(tables), start, end],
    ).fetchall()
    return {table: list(days) for table, days in found}


def is_in_postgres(connection: Connection, table: str, day: date) -> bool | None:
    """Whether PostgreSQL has the rows of a partition; None if there is no such partition."""
    found = connection.execute(
        "select in_postgres from ops.partitions where table_name = %s and period_start = %s", [table, day]
    ).fetchone()
    return None if found is None else bool(found[0])


def set_place(connection: Connection, table: str, day: date, *, in_postgres: bool) -> None:
    """Record where the rows of a partition lie now."""
    connection.execute(
        "update ops.partitions set in_postgres = %s where table_name = %s and period_start = %s",
        [in_postgres, table, day],
    )


def all_in_lake(connection: Connection, table: str) -> None:
    """Record that PostgreSQL has no rows of a table any more."""
    connection.execute("update ops.partitions set in_postgres = false where table_name = %s", [table])


def hot_days(
    connection: Connection, table: str, days: Collection[date], keep: int | None, lateness_days: int
) -> set[date]:  # fmt: skip
    """Those of some days that PostgreSQL is to have when they are loaded: the newest ones, and restored ones.

    `keep` is how many days older than the newest one a day stays, at least as long as it may change: 0 = not at all,
    None = for ever.
    """
    if keep is None:
        return set(days)
    found = connection.execute(
        "select (select max(period_start) from ops.partitions where table_name = %(table)s), "
        "array(select day from ops.archives "
        "where table_name = %(table)s and state = 'restored' and day = any(%(days)s))",
        {"table": table, "days": list(days)},
    ).fetchone()
    assert found is not None
    newest, restored = found
    if keep == 0:
        return set(restored)
    last = max([*days, *([newest] if newest else [])], default=date.min)
    return {day for day in days if day > last - timedelta(days=max(keep, lateness_days))} | set(restored)


def make_view(connection: Connection, name: str, columns: sql.Composable) -> None:
    """Make a view with some columns (names and types); whoever reads a row of it is told that rows are in the lake."""
    connection.execute(
        sql.SQL("create view {} as select * from ops.rows_are_in_the_lake({}) as nothing ({})").format(
            identifier(name), name, columns
        )
    )


def views_among(connection: Connection, tables: Collection[str]) -> frozenset[str]:
    """The fine-grained tables among some, of which PostgreSQL has views without rows."""
    return frozenset(table for table in tables if relation_kind(connection, table) == "view")
