"""Making a table like an event table, to be attached as a partition, without a lock on the event table.

CREATE TABLE … (LIKE …) would hold a lock on the event table until its transaction ends. Two loads of different days
would then deadlock when they attach their partitions, which needs an exclusive lock.
"""

from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection


def create_like(
    connection: Connection, table: str, new: sql.Identifier, constraint: sql.Composable, *, with_checks: bool
) -> None:
    """Make a table with the columns and defaults of `table`, its CHECKs if wanted, and one more constraint."""
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
    """Add the CHECKs of `table` to a filled table, since a partition must have them.

    A CHECK that is `not valid` in `table` applies to new rows only, in the partition, too.
    """
    checks: list[Any] = _checks(connection, table)
    if checks:
        additions = sql.SQL(", ").join(sql.SQL("add {}").format(sql.SQL(check)) for check in checks)
        connection.execute(sql.SQL("alter table {} {}").format(new, additions))


def _checks(connection: Connection, table: str) -> list[str]:
    """The CHECKs of a table as DDL, with `not valid`."""
    found = connection.execute(
        """
        select format('constraint %%I %%s', conname, pg_get_constraintdef(oid))
        from pg_constraint
        where conrelid = to_regclass(%(table)s) and contype = 'c'
        order by conname""",
        {"table": table},
    ).fetchall()
    return [text for (text,) in found]
