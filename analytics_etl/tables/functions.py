"""Tables whose rows a function in Python makes of those that a SELECT gives; and PostgreSQL as the engine of a SELECT.

The SELECT is run where its inputs lie, as any other. Its rows are kept in a temporary file while the function reads
them: the connection that PostgreSQL's rows come from is needed for the rows of the table.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.models import Model, rename_schemas, window_parameters
from analytics_etl.disk.scratch import Scratch
from analytics_etl.engines.engine import Engine
from analytics_etl.lake.writing import ARROW_TYPES
from analytics_etl.postgres.connection import Connection
from analytics_etl.tables.model_sql import as_sql, columns_selected
from analytics_etl.tables.partition_rows import stream

RowsFunction = Callable[[Iterator[pa.RecordBatch], pa.Schema], Iterator[pa.RecordBatch]]
"""(rows of the SELECT, columns of the table) -> rows of the table, the same of a day whichever days come with it."""

POSTGRES = "postgresql"
"""The name of PostgreSQL as an engine, in the books."""
PYTHON = "python"
"""The name of a function as an engine, in the books."""

STREAMED = {**ARROW_TYPES, "uuid": pa.uuid()}
"""{type in PostgreSQL: type in Arrow} of rows that are computed."""


def as_selected(batches: Iterator[pa.RecordBatch], _schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the SELECT as they are: for a table that PostgreSQL computes and the lake has, too."""
    return batches


@dataclass(frozen=True)
class PostgresEngine:
    """Computes in the transaction that publishes."""

    connection: Connection
    schemas: Mapping[str, str] = field(default_factory=dict)
    """{table: schema to read it in}, see `Inputs`."""
    name: str = POSTGRES

    @contextmanager
    def compute(
        self, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """The rows of the partitions that begin in [start, end), see `Engine`."""
        statement = rename_schemas(model.statement(window_parameters(start, end)), self.schemas)
        select = sql.SQL("({}) as computed").format(as_sql(statement))
        with closing(stream(self.connection, select, types, arrow_types=STREAMED)) as batches:
            yield batches


@dataclass(frozen=True)
class FunctionEngine:
    """Computes tables by a function of what the SELECT gives."""

    source: Engine
    """Runs the SELECT."""
    function: RowsFunction
    connection: Connection
    temporary_dir: Path
    name: str = PYTHON
    """As the books name it."""

    @contextmanager
    def compute(
        self, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """The rows of the partitions that begin in [start, end), see `Engine`."""
        schema = pa.schema([(name, STREAMED[kind]) for name, kind in types.items()])
        scratch = Scratch(self.temporary_dir)
        try:
            path = self._selected(model, start, end, scratch.path / "selected.arrow")
            with closing(_rows_of(path)) as batches:
                yield self.function(batches, schema)
        finally:
            scratch.remove()

    def _selected(self, model: Model, start: date, end: date, path: Path) -> Path:
        """A file with the rows of the SELECT; it has no batch if there are none."""
        types = dict(columns_selected(self.connection, model))
        with self.source.compute(model, types, start, end) as batches, pa.OSFile(str(path), "wb") as file:
            writer = None
            for batch in batches:
                writer = writer or pa.ipc.new_file(file, batch.schema)
                writer.write_batch(batch)
            if writer is not None:
                writer.close()
        return path


def _rows_of(path: Path) -> Generator[pa.RecordBatch, None, None]:
    if path.stat().st_size:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as rows:
            for number in range(rows.num_record_batches):
                yield rows.get_batch(number)
