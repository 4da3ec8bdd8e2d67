"""Ad-hoc SQL: one statement of an operator over all tables of the lake and of PostgreSQL, answered by DuckDB.

Event tables and fine-grained ones are read in the lake. The other tables that the statement names are copied from
PostgreSQL, and so are days that have no file in the lake. All of it is of one moment.
"""

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.disk.whole_files import whole_file
from analytics_etl.engines.adhoc import AdHocSession, StatementError, is_complete, names_in, opened, statements
from analytics_etl.engines.duckdb import by_columns
from analytics_etl.lake import Lake, LakeError, LakeFile, open_lake
from analytics_etl.ops import lake_files, places
from analytics_etl.postgres.columns import tables_in
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.tables.partition_rows import arrow_schema
from analytics_etl.tables.whole_tables import rows_of_days, rows_of_table
from analytics_etl.text.english import shortened

__all__ = ["Answer", "StatementError", "answered", "is_complete", "known_tables", "new_file", "statements"]

_ALL_DAYS = (date.min, date.max)


@dataclass(frozen=True)
class Answer:
    """The rows of a statement, which come as they are computed."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    notes: Sequence[str]
    """What the rows do not contain, with what to type."""

    def write_parquet(self, path: Path) -> None:
        """Write the rows to a Parquet file."""
        try:
            with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
                for batch in self.batches:
                    writer.write_batch(batch)
        except pa.ArrowNotImplementedError as error:
            raise StatementError(f"{error}; cast the column, for example to text: column::text") from error


@contextmanager
def answered(settings: Settings, catalog: Catalog, statement: str) -> Iterator[Answer]:
    """Answer a statement. Raise StatementError if it is refused or fails."""
    named, lake = names_in(statement), open_lake(settings)
    with opened(settings.engine_memory_mb, settings.temporary_dir) as session:
        with Database(settings).snapshot() as snapshot:
            tables = _tables(snapshot, catalog)
            notes = _fill(session, snapshot, catalog, lake, statement, tables, named)
        yield Answer(*session.answer(statement), notes)


def known_tables(settings: Settings, catalog: Catalog) -> list[str]:
    """The names of all tables and views that a statement may name."""
    with Database(settings).snapshot() as snapshot:
        return sorted(_tables(snapshot, catalog))


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to, which replaces `path` if the block succeeds."""
    if not path.parent.is_dir():
        raise StatementError(f"{path.parent} is no folder, expected one for the file {path.name}")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise StatementError(f"{path} is no file, expected one that can be replaced, or a new name")
    with whole_file(path, path.parent) as part:
        yield part


def _tables(snapshot: Snapshot, catalog: Catalog) -> dict[str, dict[str, str]]:
    """{table: {column: type in PostgreSQL}} of the event tables, of those in PostgreSQL, and of the books."""
    there = snapshot.read(tables_in, [*catalog.families, "ops"])
    events = {table: _types(contract) for table, contract in catalog.contracts.items()}
    others = {table: types for table, types in there.items() if table in catalog.derived or table.startswith("ops.")}
    return {**events, **others}


def _types(contract: Contract) -> dict[str, str]:
    return {column.name: column.type for column in contract.columns}


def _fill(
    session: AdHocSession, snapshot: Snapshot, catalog: Catalog, lake: Lake, statement: str,
    tables: Mapping[str, Mapping[str, str]], named: set[str],
) -> list[str]:  # fmt: skip
    """Give the tables that a statement names their rows; return what is to be said about them."""
    kept = {table: column for table, column in _times(catalog).items() if table in named}
    groups = {table: _paths(lake, found) for table, found in _files(snapshot, [*kept]).items()}
    session.close(path for versions in groups.values() for paths in versions for path in paths)
    session.declare(tables)
    session.check(statement, tables)
    for table in (name for name in tables if name in named and name not in kept):
        with closing(snapshot.read(rows_of_table, table, tables[table])) as batches:
            session.fill(table, tables[table], batches, arrow_schema(tables[table]))
    without_file = snapshot.read(lake_files.partitions_without_file, [*kept], *_ALL_DAYS)
    lost = snapshot.read(places.in_lake_only, [*kept], *_ALL_DAYS)
    notes = []
    for table, time in kept.items():
        days, types = without_file.get(table, []), tables[table]
        if not days:
            session.fill_from_files(table, types, groups[table])
            continue
        with closing(snapshot.read(rows_of_days, table, time, types, days)) as batches:
            session.fill_from_files(table, types, groups[table], batches, arrow_schema(types))
        if gone := [day for day in days if day in lost.get(table, [])]:
            notes.append(
                f"{table}: days that are archived and not in the lake are left out: {shortened(gone)}; to "
                f'bring one back: analytics-etl restore {table} {gone[0]} --reason "why"'
            )
    return notes


def _times(catalog: Catalog) -> dict[str, str]:
    """{table whose rows are read in the lake: its column with the time or the partition of a row}."""
    fine = {table: model.key[0] for table, model in catalog.aggregates.items() if model.is_in_lake_only}
    return {**{table: contract.time_column for table, contract in catalog.contracts.items()}, **fine}


def _files(snapshot: Snapshot, events: Sequence[str]) -> Mapping[str, Sequence[LakeFile]]:
    return snapshot.read(lake_files.current, events, *_ALL_DAYS)


def _paths(lake: Lake, files: Sequence[LakeFile]) -> list[list[Path]]:
    """The paths of files, those with the same columns together.

    Sizes are compared, not SHA-256: a statement may read years, and publishing verifies what it reads.
    """
    try:
        return by_columns(map(lake.locate, files))
    except LakeError as error:
        raise StatementError(str(error)) from error
