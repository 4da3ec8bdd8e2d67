"""The rows of partitions for DuckDB: the files that hold them, and a stream of those that only PostgreSQL has."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
from psycopg import sql

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.lake import Lake, LakeError
from analytics_etl.ops.held import Held
from analytics_etl.postgres.connection import Connection, identifier
from analytics_etl.tables.partition_rows import stream


def files_of(settings: Settings, partitions: Iterable[Held]) -> Iterator[Path]:
    """The verified files of partitions, in the lake or the archive folder. Raise LakeError for one without a file."""
    lake, folder = Lake(settings.lake_dir), ArchiveFolder(settings.archive_dir)
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
