"""Letting a SELECT read archived days as if they were in their tables, without restoring them.

A schema of its own has a view for each table, under the same name: the rows of the table and the archived rows of the
wanted days. The statement reads that schema instead. Other sessions do not see it.
"""

from collections.abc import Sequence
from datetime import date

from psycopg import sql

from analytics_etl.archive import ArchiveFolder
from analytics_etl.config.settings import Settings
from analytics_etl.ops import archives
from analytics_etl.postgres.connection import Connection, identifier, lock
from analytics_etl.postgres.sending import RowSender

TEMPORARY = "pg_temp"


def overlay(
    connection: Connection, settings: Settings, tables: Sequence[str], start: date, end: date, schema: str = TEMPORARY
) -> dict[str, str]:
    """Copy the archived rows of [start, end) of some tables into a schema; {table: schema} of tables with such rows.

    Holds the locks of these days until the transaction ends. Raises ArchiveError for a damaged file: an aggregate must
    not be computed from incomplete days.
    """
    found = archives.archived_days(connection, tables, start, end)
    if not found:
        return {}
    lock(connection, *(f"{table} {day}" for table, days in found.items() for day in days))
    # Again, under the locks: a day may have been restored meanwhile.
    found = archives.archived_days(connection, tables, start, end)
    folder = ArchiveFolder(settings.archive_dir)
    for table, days in found.items():
        _overlay_table(connection, folder, table, days, schema)
    return dict.fromkeys(found, schema)


def _overlay_table(connection: Connection, folder: ArchiveFolder, table: str, days: list[date], schema: str) -> None:
    """Copy the archived days of one table into the schema, and make the view over both."""
    name = table.split(".")[1]
    rows_table, view = sql.Identifier(schema, f"{name}_archived"), sql.Identifier(schema, name)
    kept = sql.SQL(" on commit drop" if schema == TEMPORARY else "")  # the view depends on it and is dropped, too
    connection.execute(sql.SQL("create table {} (like {}){}").format(rows_table, identifier(table), kept))
    # All manifests first: the sender owns the connection while it sends rows.
    manifests = archives.manifests(connection, table, days)
    sender = RowSender(connection)
    try:
        for manifest in manifests:
            for rows in folder.read(manifest):
                sender.send(rows_table, rows)
        sender.drain()
    except BaseException:
        connection.close()  # a COPY may be running, and a transaction cannot be rolled back during one
        raise
    finally:
        sender.close()
    connection.execute(sql.SQL("analyze {}").format(rows_table))
    kind = sql.SQL("temporary view" if schema == TEMPORARY else "view")
    connection.execute(
        sql.SQL("create {} {} as select * from {} union all select * from {}").format(
            kind, sql.Identifier(name) if schema == TEMPORARY else view, identifier(table), rows_table
        )
    )
