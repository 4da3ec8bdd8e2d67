"""The rows of partitions for DuckDB: the files that hold them, and a stream of those that only PostgreSQL has."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
from psycopg import sql

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.engines.duckdb import quoted, rows_in_files
from analytics_etl.engines.session import LakeSession, duckdb_type
from analytics_etl.lake import Lake, LakeError, open_lake
from analytics_etl.ops.held import Held
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.connection import Connection, identifier
from analytics_etl.tables.partition_rows import arrow_schema, stream


@dataclass(frozen=True)
class Source:
    """A table that DuckDB is to read."""

    table: str
    period: str | None
    """The column with the time or the partition of a row; None for a view, which is read as a whole."""
    contract: Contract | None
    """Of an event table."""


def define(
    session: LakeSession, connection: Connection, settings: Settings, source: Source, partitions: Sequence[Held],
    words: Collection[str] | None = None,
) -> None:  # fmt: skip
    """Make a view of partitions in the lake, and of copied rows of those that only PostgreSQL has."""
    here = [held for held in partitions if held.file is None and held.in_postgres]
    if source.contract:
        types = {column.name: column.duckdb_type for column in source.contract.columns}
    else:
        there = column_types(connection, [source.table])[source.table]
        types = {name: duckdb_type(kind) for name, kind in there.items()}
    lake = open_lake(settings)
    select = rows_in_files(types, _files(lake, settings, (held for held in partitions if held not in here)))
    if here:
        copied = f"{source.table} of postgresql"
        bring_rows(session, connection, copied, source, [(held.start, held.end) for held in here], words)
        select += f" union all by name from {'.'.join(map(quoted, copied.split('.')))}"
    session.define(source.table, select, lake)


def bring_rows(
    session: LakeSession, connection: Connection, name: str, source: Source, windows: Sequence[tuple[date, date]],
    words: Collection[str] | None = None,
) -> None:  # fmt: skip
    """Copy rows of windows [start, end) of a table of PostgreSQL; `words` limits the columns, if any of them is one."""
    there = column_types(connection, [source.table]).get(source.table, {})
    if not there:
        return  # whoever reads it is told that it does not exist
    types = {column: kind for column, kind in there.items() if words is None or column in words} or there
    with closing(rows_within(connection, source.table, types, source.period, windows)) as batches:
        session.fill(name, types, arrow_schema(types), batches)


def _files(lake: Lake, settings: Settings, partitions: Iterable[Held]) -> Iterator[Path]:
    """The verified files of partitions, in the lake or the archive folder. Raise LakeError for one without a file."""
    folder = ArchiveFolder(settings.archive_dir)
    for held in partitions:
        if held.file is not None:
            yield lake.verified(held.file)
        elif held.manifest is not None:
            yield folder.verified(held.manifest)
        else:
            raise LakeError(f"{held.table}: {held.start} is archived, but the books name no file with its rows")


def rows_within(
    connection: Connection, table: str, columns: Mapping[str, str], period: str | None,
    windows: Sequence[tuple[date, date]],
) -> Generator[pa.RecordBatch, None, None]:  # fmt: skip
    """Some columns {name: type} of the rows of windows [start, end), of all without a period column; see `stream`."""
    if period is None:
        return stream(connection, identifier(table), columns)
    column = sql.Identifier(period)
    within = (
        sql.SQL("{0} >= {1} and {0} < {2}").format(column, bounds["start"], bounds["end"])
        for bounds in (window_parameters(start, end) for start, end in windows)
    )
    return stream(connection, identifier(table), columns, sql.SQL(" or ").join(within))


def rows_of_select(
    connection: Connection, select: sql.Composable, columns: Mapping[str, str]
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a SELECT with the columns {name: type}, see `stream`."""
    return stream(connection, sql.SQL("({}) as found").format(select), columns)
