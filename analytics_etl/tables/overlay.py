"""Letting a SELECT of PostgreSQL read days that are in the lake alone as if they were in their tables.

A temporary view for each table has its name: the rows of the table and those of the wanted days that it does not have,
copied from the lake. The statement reads that view instead. Other sessions do not see it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
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
from analytics_etl.ops import archives, lake_files, places
from analytics_etl.postgres.columns import relation_kind
from analytics_etl.postgres.connection import Connection, identifier, lock
from analytics_etl.postgres.sending import send_all

TEMPORARY = "pg_temp"


def overlay(
    connection: Connection, settings: Settings, tables: Sequence[str], start: date, end: date
) -> dict[str, str]:
    """Copy rows of [start, end) that PostgreSQL does not have; {table: schema to read it in} of tables with such rows.

    Holds the locks of these days until the transaction ends. Raises LakeError for a damaged file: an aggregate must
    not be computed from incomplete days.
    """
    found = places.in_lake_only(connection, tables, start, end)
    if not found:
        return {}
    lock(connection, *(f"{table} {day}" for table, days in found.items() for day in days))
    # Again, under the locks: a day may have been restored meanwhile.
    found = places.in_lake_only(connection, tables, start, end)
    for table, days in found.items():
        # All files first: a sender owns the connection while it sends rows.
        _overlay_table(connection, _files(connection, settings, table, days), table)
    return dict.fromkeys(found, TEMPORARY)


def _files(
    connection: Connection, settings: Settings, table: str, days: Sequence[date]
) -> list[Generator[pa.RecordBatch, None, None]]:
    """The rows of days: from the lake, or from the archive folder as long as the lake does not have them."""
    contract = Catalog.of(settings).contracts.get(table)
    columns = [column.name for column in contract.columns] if contract else None
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


def _overlay_table(connection: Connection, files: Iterable[Generator[pa.RecordBatch, None, None]], table: str) -> None:
    """Copy the days of one table, and make the view over both."""
    name = table.split(".")[1]
    rows_table = sql.Identifier(TEMPORARY, f"{name}_of_lake")
    # The view depends on it and is dropped, too.
    connection.execute(sql.SQL("create table {} (like {}) on commit drop").format(rows_table, identifier(table)))
    send_all(connection, rows_table, _batches_of(files))
    connection.execute(sql.SQL("analyze {}").format(rows_table))
    both = sql.SQL("select * from {}").format(rows_table)
    if relation_kind(connection, table) == "table":  # of a fine-grained table there is only a view, without rows
        both += sql.SQL(" union all select * from {}").format(identifier(table))
    connection.execute(sql.SQL("create temporary view {} as {}").format(sql.Identifier(name), both))


def _batches_of(files: Iterable[Generator[pa.RecordBatch, None, None]]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with closing(file) as batches:
            yield from batches
