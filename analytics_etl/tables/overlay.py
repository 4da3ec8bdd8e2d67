"""Letting a SELECT read archived days as if they were in their tables, without putting them there.

In a schema of its own each table is a view of the same name: the table itself, and beside it the archived rows of the
days asked for. The statement is then told to read that schema. Nobody else sees anything of it.
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
    """Bring the archived rows of [start, end) of some tables into a schema; {table: schema} of those that have any.

    Holds the locks of these days until the transaction ends. A damaged file is an ArchiveError: an aggregate is never
    computed from less than there was.
    """
    found = archives.archived_days(connection, tables, start, end)
    if not found:
        return {}
    lock(connection, *(f"{table} {day}" for table, days in found.items() for day in days))
    # Once more, now that nobody can restore or rewrite them.
    found = archives.archived_days(connection, tables, start, end)
    folder = ArchiveFolder(settings.archive_dir)
    for table, days in found.items():
        _bring(connection, folder, table, days, schema)
    return dict.fromkeys(found, schema)


def _bring(connection: Connection, folder: ArchiveFolder, table: str, days: list[date], schema: str) -> None:
    name = table.split(".")[1]
    rows_table, view = sql.Identifier(schema, f"{name}_archived"), sql.Identifier(schema, name)
    kept = sql.SQL(" on commit drop" if schema == TEMPORARY else "")  # and with it the view of it
    connection.execute(sql.SQL("create table {} (like {}){}").format(rows_table, identifier(table), kept))
    # Asked for at once: while rows are sent the connection is the sender's.
    manifests = archives.manifests(connection, table, days)
    sender = RowSender(connection)
    try:
        for manifest in manifests:
            for rows in folder.read(manifest):
                sender.send(rows_table, rows)
        sender.drain()
    except BaseException:
        connection.close()  # a COPY may be under way, in which state nothing can be rolled back
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
