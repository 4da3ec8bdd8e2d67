"""Views of a window of a table, for checks, which read through connections of their own.

Whoever makes one keeps an advisory lock on its name: a view without a lock was left behind by a killed process.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from uuid import uuid4

from psycopg import sql

from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.ops import archives, dropped
from analytics_etl.postgres.connection import Connection, connect, identifier
from analytics_etl.postgres.pool import transaction
from analytics_etl.tables.overlay import overlay

_LOCK = "hashtextextended('analytics_etl ' || {}, 0)"
_LASTING = {"idle_session_timeout": "0"}


@contextmanager
def batch_view(settings: Settings, table: str, period: str | None, start: date, end: date) -> Iterator[str]:
    """A view of some days of a table, under a name of its own in the schema `ops`, for as long as the block lasts.

    `period` is the column the days are in, None for all rows; for an event table it is its time column, and the view
    then has a column `day`, too. Constants in a view let PostgreSQL pass over the other partitions.
    """
    name = f"batch_{uuid4().hex[:12]}"
    with connect(settings, _LASTING) as connection:
        connection.autocommit = True
        _create_view(connection, name, table, period, window_parameters(start, end))
        try:
            yield f"ops.{name}"
        finally:
            _drop_view(connection, name)


@contextmanager
def archived_rows(
    settings: Settings, tables: Sequence[str], start: date, end: date, needs: Sequence[dropped.Need] = ()
) -> Iterator[dict[str, str]]:
    """Archived rows of [start, end) beside those of their tables, as long as the block lasts: {table: schema to read it
    in} of the tables that have any. Raises DatabaseError when any of the days that are needed was not kept.
    """
    with transaction(settings) as connection:
        dropped.refuse(connection, needs)
        found = archives.archived_days(connection, tables, start, end)
    if not found:
        yield {}
        return
    with connect(settings, _LASTING) as connection:
        connection.autocommit = True
        name = f"batch_{uuid4().hex[:12]}"
        _create_schema(connection, name)
        try:
            with connection.transaction():
                schemas = overlay(connection, settings, tables, start, end, name)
            yield schemas
        finally:
            if not connection.closed:
                _drop_schema(connection, name)


def _create_view(connection: Connection, name: str, table: str, period: str | None, window: Mapping[str, str]) -> None:
    """Make the view ops.<name>; the connection must commit each statement and stay open."""
    _drop_left_behind(connection)
    connection.execute(sql.SQL("select pg_advisory_lock(" + _LOCK + ")").format(sql.Literal(name)))
    statement = sql.SQL("create view {} as select *{} from {}").format(
        identifier(f"ops.{name}"), _day(connection, table, period), identifier(table)
    )
    if period is not None:
        column = sql.Identifier(period)
        statement += sql.SQL(" where {} >= {} and {} < {}").format(column, window["start"], column, window["end"])
    connection.execute(statement)


def _create_schema(connection: Connection, name: str) -> None:
    """Make a schema for tables that only live as long as this connection holds the lock on its name."""
    _drop_left_behind(connection)
    connection.execute(sql.SQL("select pg_advisory_lock(" + _LOCK + ")").format(sql.Literal(name)))
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))


def _drop_schema(connection: Connection, name: str) -> None:
    """Take the schema away with all that is in it."""
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))


def _drop_view(connection: Connection, name: str) -> None:
    """Take the view away; closing the connection gives the lock back."""
    connection.execute(sql.SQL("drop view if exists {}").format(identifier(f"ops.{name}")))


def _day(connection: Connection, table: str, period: str | None) -> sql.Composable:
    if period is None:
        return sql.SQL("")
    type_name = connection.execute(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s) and attname = %s",
        [table, period],
    ).fetchone()
    if type_name is None or not str(type_name[0]).startswith("timestamp"):
        return sql.SQL("")
    return sql.SQL(", ({} at time zone 'UTC')::date as day").format(sql.Identifier(period))


def _drop_left_behind(connection: Connection) -> None:
    names = connection.execute(
        "select viewname, true from pg_views where schemaname = 'ops' and viewname like 'batch\\_%' "
        "union all select nspname, false from pg_namespace where nspname like 'batch\\_%'"
    ).fetchall()
    for name, is_view in names:
        locked = sql.SQL("select pg_try_advisory_lock(" + _LOCK + ")").format(sql.Literal(name))
        found = connection.execute(locked).fetchone()
        if found is not None and found[0]:
            (_drop_view if is_view else _drop_schema)(connection, name)
            connection.execute(sql.SQL("select pg_advisory_unlock(" + _LOCK + ")").format(sql.Literal(name)))
