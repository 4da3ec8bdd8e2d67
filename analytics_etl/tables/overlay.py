"""Letting a SELECT read archived days as if they were in their tables, without restoring them.

A schema of its own has a view for each table, under the same name: the rows of the table and the archived rows of the
wanted days, copied from the lake. The statement reads that schema instead. Other sessions do not see it.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from datetime import date

import pyarrow as pa
from psycopg import sql

from analytics_etl.archive import ArchiveFolder
from analytics_etl.archive.reading import read_archived
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeError, open_lake
from analytics_etl.lake.reading import read
from analytics_etl.ops import archives, lake_files
from analytics_etl.postgres.connection import Connection, identifier, lock
from analytics_etl.postgres.sending import RowSender

TEMPORARY = "pg_temp"


def overlay(
    connection: Connection, settings: Settings, tables: Sequence[str], start: date, end: date, schema: str = TEMPORARY
) -> dict[str, str]:
    """Copy the archived rows of [start, end) of some tables into a schema; {table: schema} of tables with such rows.

    Holds the locks of these days until the transaction ends. Raises LakeError for a damaged file: an aggregate must
    not be computed from incomplete days.
    """
    found = archives.archived_days(connection, tables, start, end)
    if not found:
        return {}
    lock(connection, *(f"{table} {day}" for table, days in found.items() for day in days))
    # Again, under the locks: a day may have been restored meanwhile.
    found = archives.archived_days(connection, tables, start, end)
    for table, days in found.items():
        # All files first: a sender owns the connection while it sends rows.
        _overlay_table(connection, _files(connection, settings, table, days), table, schema)
    return dict.fromkeys(found, schema)


def _files(
    connection: Connection, settings: Settings, table: str, days: Sequence[date]
) -> list[Generator[pa.RecordBatch, None, None]]:
    """The rows of archived days: from the lake, or from the archive folder as long as the lake does not have them."""
    columns = [column.name for column in Catalog.of(settings).contracts[table].columns]
    lake, folder = open_lake(settings), ArchiveFolder(settings.archive_dir)
    manifests = archives.manifests(connection, table, days)
    found = []
    for day in days:
        file = lake_files.find(connection, table, day)
        if file is not None:
            found.append(read(lake, file, columns))
        elif day in manifests:
            found.append(read_archived(folder, manifests[day]))
        else:
            raise LakeError(f"{table}: {day} is archived, but the books name no file with its rows")
    return found


def _overlay_table(
    connection: Connection, files: Iterable[Generator[pa.RecordBatch, None, None]], table: str, schema: str
) -> None:
    """Copy the archived days of one table into the schema, and make the view over both."""
    name = table.split(".")[1]
    rows_table, view = sql.Identifier(schema, f"{name}_archived"), sql.Identifier(schema, name)
    kept = sql.SQL(" on commit drop" if schema == TEMPORARY else "")  # the view depends on it and is dropped, too
    connection.execute(sql.SQL("create table {} (like {}){}").format(rows_table, identifier(table), kept))
    sender = RowSender(connection)
    try:
        for file in files:
            with closing(file) as batches:
                for batch in batches:
                    sender.send(rows_table, pa.Table.from_batches([batch]))
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
