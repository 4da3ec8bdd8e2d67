"""A fresh table like an event table, to become one of its partitions, made without a lock on the event table.

CREATE TABLE … (LIKE …) would keep one until its transaction ends: two loads of different days would then each wait for
the other when they put their partitions in place, which nobody else may look at meanwhile.
"""

from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection


def create_like(
    connection: Connection, table: str, new: sql.Identifier, constraint: sql.Composable, *, with_checks: bool
) -> None:
    """Create a table with the columns and defaults of `table` as it is now, its CHECKs if wanted, and one more."""
    found = connection.execute(
        """
        select format('%%I %%s', attname, format_type(atttypid, atttypmod))
            || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
            || case when attnotnull then ' not null' else '' end
        from pg_attribute as a
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where attrelid = to_regclass(%(table)s) and attnum > 0 and not attisdropped
        order by attnum""",
        {"table": table},
    ).fetchall()
    parts: list[Any] = [text for (text,) in found]
    if with_checks:
        parts += _checks(connection, table)
    definitions = sql.SQL(", ").join([*map(sql.SQL, parts), constraint])
    connection.execute(sql.SQL("create table {} ({})").format(new, definitions))


def add_checks(connection: Connection, table: str, new: sql.Identifier) -> None:
    """Give a filled table the CHECKs that `table` has now, as a partition of it must have them.

    One that `table` got when it had rows holds for new rows only there, and so it does here.
    """
    checks: list[Any] = _checks(connection, table)
    if checks:
        additions = sql.SQL(", ").join(sql.SQL("add {}").format(sql.SQL(check)) for check in checks)
        connection.execute(sql.SQL("alter table {} {}").format(new, additions))


def _checks(connection: Connection, table: str) -> list[str]:
    """The CHECKs of a table as clauses of DDL, `not valid` included."""
    found = connection.execute(
        """
        select format('constraint %%I %%s', conname, pg_get_constraintdef(oid))
        from pg_constraint
        where conrelid = to_regclass(%(table)s) and contype = 'c'
        order by conname""",
        {"table": table},
    ).fetchall()
    return [text for (text,) in found]
