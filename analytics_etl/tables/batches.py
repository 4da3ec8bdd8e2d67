"""Temporary views of a window of a table, and tables of its rows, for checks, which read on connections of their own.

The maker of one holds an advisory lock on its name. One without a lock is a leftover of a killed process.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from uuid import uuid4

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, connect, identifier
from analytics_etl.postgres.sending import send_all
from analytics_etl.tables.model_sql import as_sql

_LOCK = "hashtextextended('analytics_etl ' || {}, 0)"
_LASTING = {"idle_session_timeout": "0"}


@contextmanager
def batch_view(settings: Settings, table: str, period: str | None, start: date, end: date) -> Iterator[str]:
    """A view of the window [start, end) of a table in the schema `ops`, dropped at the end of the block; its name.

    `period` is the column with the time or day of a row; None selects all rows. If it is a timestamp, the view has a
    column `day`, too. The window is written as constants, so that PostgreSQL reads only the partitions of the window.
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
def batch_table(settings: Settings, columns: Mapping[str, str], batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """A table of given rows with the columns {name: type} in the schema `ops`, dropped at the end of the block."""
    name = f"batch_{uuid4().hex[:12]}"
    table = identifier(f"ops.{name}")
    listed = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), as_sql(kind)) for c, kind in columns.items())
    with connect(settings, _LASTING) as connection:
        connection.autocommit = True
        _lock(connection, name)
        try:
            with connection.transaction():
                connection.execute(sql.SQL("create unlogged table {} ({})").format(table, listed))
                send_all(connection, table, batches)
            yield f"ops.{name}"
        finally:
            if not connection.closed:
                _drop_table(connection, name)


def _create_view(connection: Connection, name: str, table: str, period: str | None, window: Mapping[str, str]) -> None:
    """Make the view ops.<name>; the connection must commit each statement and stay open."""
    _lock(connection, name)
    statement = sql.SQL("create view {} as select *{} from {}").format(
        identifier(f"ops.{name}"), _day(connection, table, period), identifier(table)
    )
    if period is not None:
        column = sql.Identifier(period)
        statement += sql.SQL(" where {} >= {} and {} < {}").format(column, window["start"], column, window["end"])
    connection.execute(statement)


def _drop_view(connection: Connection, name: str) -> None:
    """Drop the view; closing the connection releases the lock."""
    connection.execute(sql.SQL("drop view if exists {}").format(identifier(f"ops.{name}")))


def _drop_table(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("drop table if exists {}").format(identifier(f"ops.{name}")))


def _day(connection: Connection, table: str, period: str | None) -> sql.Composable:
    """The column `day` of a view, if `period` is a timestamp; else nothing."""
    if period is None:
        return sql.SQL("")
    type_name = connection.execute(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s) and attname = %s",
        [table, period],
    ).fetchone()
    if type_name is None or not str(type_name[0]).startswith("timestamp"):
        return sql.SQL("")
    return sql.SQL(", ({} at time zone 'UTC')::date as day").format(sql.Identifier(period))


def _lock(connection: Connection, name: str) -> None:
    """Lock a name; after a crash the next process drops what has it."""
    _drop_leftovers(connection)
    connection.execute(sql.SQL("select pg_advisory_lock(" + _LOCK + ")").format(sql.Literal(name)))


def _drop_leftovers(connection: Connection) -> None:
    """Drop views and tables of killed processes: nobody holds the locks on their names."""
    names = connection.execute(
        "select relname, relkind = 'v' from pg_class "
        "where relnamespace = 'ops'::regnamespace and relname like 'batch\\_%' and relkind in ('v', 'r')"
    ).fetchall()
    for name, is_view in names:
        locked = sql.SQL("select pg_try_advisory_lock(" + _LOCK + ")").format(sql.Literal(name))
        found = connection.execute(locked).fetchone()
        if found is not None and found[0]:
            (_drop_view if is_view else _drop_table)(connection, name)
            connection.execute(sql.SQL("select pg_advisory_unlock(" + _LOCK + ")").format(sql.Literal(name)))
