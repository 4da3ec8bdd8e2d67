"""Existing tables and their columns, read from PostgreSQL's catalogue."""

from collections.abc import Sequence
from typing import Literal

from psycopg import sql

from analytics_etl.postgres.connection import Connection


def column_types(connection: Connection, tables: Sequence[str]) -> dict[str, dict[str, str]]:
    """{table: {column: type}}, in order of the columns; tables and views that do not exist are left out."""
    found = connection.execute(
        """
        select name, a.attname, format_type(a.atttypid, a.atttypmod)
        from unnest(%s::text[]) as name
        join pg_attribute as a on a.attrelid = to_regclass(name)
        where a.attnum > 0 and not a.attisdropped
        order by a.attrelid, a.attnum""",
        [list(tables)],
    ).fetchall()
    types: dict[str, dict[str, str]] = {}
    for table, column, type_name in found:
        types.setdefault(table, {})[column] = type_name
    return types


def relation_kind(connection: Connection, name: str) -> Literal["table", "view"] | None:
    """What a name belongs to; None = nothing. A partitioned table is a table, too."""
    found = connection.execute("select relkind from pg_class where oid = to_regclass(%s)", [name]).fetchone()
    if found is None:
        return None
    return "view" if found[0] == "v" else "table"


def tables_in(connection: Connection, schemas: Sequence[str]) -> dict[str, dict[str, str]]:
    """{table or view of some schemas: {column: type}}, in order; partitions belong to their tables."""
    found = connection.execute(
        """
        select relnamespace::regnamespace || '.' || relname
        from pg_class
        where relnamespace = any(select to_regnamespace(name) from unnest(%s::text[]) as name)
            and relkind in ('r', 'p', 'v', 'm') and not relispartition
        order by 1""",
        [list(schemas)],
    ).fetchall()
    return column_types(connection, [table for (table,) in found])


def columns_of(connection: Connection, select: sql.Composable) -> list[tuple[str, str]]:
    """The name and type of each column of a SELECT, which is planned but not run."""
    described = connection.execute(sql.SQL("select * from ({}) as q limit 0").format(select)).description or ()
    types = connection.execute(
        "select format_type(code, null) from unnest(%s::oid[]) with ordinality as t (code, number) order by number",
        [[column.type_code for column in described]],
    ).fetchall()
    return [(column.name, str(name)) for column, (name,) in zip(described, types, strict=True)]
