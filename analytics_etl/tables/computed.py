"""Rows that an engine computes from the lake: where inputs lie, and copying what an engine gives into a table.

A table that others are made of lies in the lake as well: its rows go there and into PostgreSQL from the same batches.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from analytics_etl.catalog.calendar import chunks
from analytics_etl.catalog.models import Model
from analytics_etl.engines.engine import Engine
from analytics_etl.lake import Lake
from analytics_etl.lake.writing import ARROW_TYPES, PartitionWriter
from analytics_etl.ops import lake_files
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.sending import RowSender
from analytics_etl.tables.functions import POSTGRES, PYTHON, FunctionEngine, PostgresEngine, RowsFunction

PARTITIONS_AT_ONCE = 92
"""Partitions that are computed together: each has an open file, and a process may open about a thousand."""


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of a table lie."""

    engine: Engine | None = None
    """The engine that reads them in the lake; None = PostgreSQL reads them in its tables."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    """{table: schema to read it in} of tables with archived days, for PostgreSQL."""
    lake: Lake | None = None
    """Where the computed rows are written as well, since other tables are made of them, or alone; None = not at all."""
    memory_mb: int = 512
    """Memory for comparing the old and the new rows in the lake; beyond it, they spill to the temporary folder."""
    temporary_dir: Path = Path()

    def through(self, function: RowsFunction, connection: Connection, name: str = PYTHON) -> "Inputs":
        """The same with a function between the rows of the SELECT and those of the table."""
        source = self.engine or PostgresEngine(connection, self.schemas)
        return replace(self, engine=FunctionEngine(source, function, connection, self.temporary_dir, name), schemas={})

    @property
    def engine_name(self) -> str:
        """The engine as the books name it."""
        return POSTGRES if self.engine is None else self.engine.name


@dataclass(frozen=True)
class Computed:
    """A window of a table that an engine computes: consecutive partitions {start: end}."""

    connection: Connection
    model: Model
    types: Mapping[str, str]
    """{column: its type in PostgreSQL}, in order."""
    periods: Mapping[date, date]
    run_id: str | None


def copy_computed(window: Computed, inputs: Inputs, table: sql.Identifier, *, is_made_here: bool) -> int:
    """Compute a window and copy the rows into a table, and into the lake; return how many there are.

    `is_made_here` says whether this transaction made the table.
    """
    sender = RowSender(window.connection, freeze=is_made_here)
    try:
        return sum(
            _copy_part(
                replace(window, periods={start: window.periods[start] for start in starts}), inputs, table, sender
            )
            for starts in chunks(sorted(window.periods), PARTITIONS_AT_ONCE)
        )
    except BaseException:
        window.connection.close()  # a COPY may be running, and a transaction cannot be rolled back during one
        raise
    finally:
        sender.close()


def computed_batches(window: Computed, engine: Engine) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
    """The rows of a window, as an engine computes them."""
    return engine.compute(window.model, window.types, min(window.periods), max(window.periods.values()))


def _copy_part(window: Computed, inputs: Inputs, table: sql.Identifier, sender: RowSender) -> int:
    """Compute and copy a part of a window."""
    periods, count = window.periods, 0
    assert inputs.engine is not None
    with (
        computed_batches(window, inputs.engine) as batches,
        _lake_writer(window, inputs.lake) as writer,
    ):
        for batch in batches:
            sender.send(table, pa.Table.from_batches([batch]))
            count += batch.num_rows
            if writer is not None:
                add_by_period(writer, batch, periods)
        sender.drain()
        if writer is not None:
            for file in writer.place(window.run_id):
                lake_files.book(window.connection, file, window.run_id)
    return count


def _lake_writer(window: Computed, lake: Lake | None) -> AbstractContextManager[PartitionWriter | None]:
    """The writer of the partitions' files; None if the table is not kept in the lake."""
    if lake is None:
        return nullcontext()
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in window.types.items()])
    return PartitionWriter(lake, window.model.table, window.model.code_version, schema, window.periods)


def add_by_period(writer: PartitionWriter, batch: pa.RecordBatch, periods: Mapping[date, date]) -> None:
    """Add rows to the partitions they belong to; the first column is the start of the partition."""
    if len(periods) == 1:
        writer.add(min(periods), batch)
        return
    for start in pc.unique(batch.column(0)).to_pylist():
        writer.add(start, batch.filter(pc.equal(batch.column(0), pa.scalar(start))))
