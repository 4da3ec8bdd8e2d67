"""The rows of one partition of a derived table in order of its key, from PostgreSQL or the lake: the same bytes twice.

Both sides sort with bounded memory. UUIDs come as texts, which every reader of the rows knows.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
from psycopg import sql

from analytics_etl.engines.duckdb import POSTGRES_TYPES, quoted, rows_of_files
from analytics_etl.engines.session import lake_session
from analytics_etl.lake.writing import ARROW_TYPES
from analytics_etl.postgres.connection import Connection, identifier
from analytics_etl.tables.partition_rows import stream

TENANT = "tenant_id"
"""The column of a table that says whose a row is; NULL, or empty in a key, is the platform itself."""


@dataclass(frozen=True)
class Part:
    """The rows of a partition [start, end), those of one tenant if the table has tenants."""

    table: str
    key: Sequence[str]
    types: Mapping[str, str]
    """{column: type in PostgreSQL}"""
    start: date
    end: date
    tenant: str | None = None
    """None is the platform itself, never all tenants."""

    @property
    def arrow_types(self) -> dict[str, pa.DataType]:
        """The type of each column in the batches."""
        return {name: ARROW_TYPES[kind] for name, kind in self._texts.items()}

    @property
    def _texts(self) -> dict[str, str]:
        return {name: "text" if kind == "uuid" else kind for name, kind in self.types.items()}

    def in_postgres(self, connection: Connection) -> Generator[pa.RecordBatch, None, None]:
        """The rows that PostgreSQL has. The caller closes the generator, see `stream`."""
        period = sql.Identifier(self.key[0])
        condition = sql.SQL("{0} >= {1} and {0} < {2}").format(period, self.start, self.end)
        if TENANT in self.types:
            condition = sql.SQL("{} and coalesce({}, '') = {}").format(
                condition, sql.Identifier(TENANT), self.tenant or ""
            )
        select = sql.SQL("(select * from {} where {} order by {}) as found").format(
            identifier(self.table), condition, sql.SQL(", ").join(map(self._in_order, self.key))
        )
        return stream(connection, select, self._texts, arrow_types=ARROW_TYPES)

    def in_lake(self, path: Path, memory_mb: int, temporary_dir: Path) -> Generator[pa.RecordBatch, None, None]:
        """The rows of the partition's file in the lake."""
        types = {name: POSTGRES_TYPES[kind] for name, kind in self.types.items()}
        columns = ", ".join(
            f"{quoted(name)}::varchar as {quoted(name)}" if kind == "UUID" else quoted(name)
            for name, kind in types.items()
        )
        of_tenant = ""
        if TENANT in types:
            text = (self.tenant or "").replace("'", "''")
            of_tenant = f"where coalesce({TENANT}, '') = '{text}'"
        order = ", ".join(f"{quoted(name)} nulls last" for name in self.key)
        select = f"select {columns} from ({rows_of_files(types, [path])}) as found {of_tenant} order by {order}"  # noqa: S608 - names of the catalogue, and a quoted text
        schema = pa.schema(self.arrow_types.items())
        with lake_session(memory_mb, temporary_dir) as session:
            for batch in session.batches(select):
                yield batch.cast(schema)

    def nothing(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows of a partition without rows, of which the lake has no file."""
        yield from ()

    def _in_order(self, name: str) -> sql.Composable:
        column = sql.Identifier(name)
        return sql.SQL('{} collate "C"').format(column) if self.types[name] == "text" else column


def of_schema(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches with the metadata of a schema that has the same columns."""
    return (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches)


def has_tenant(connection: Connection, table: str, tenant: str) -> bool:
    """Whether PostgreSQL has a row of a tenant in a table."""
    found = connection.execute(
        sql.SQL("select exists (select from {} where {} = %s)").format(identifier(table), sql.Identifier(TENANT)),
        [tenant],
    ).fetchone()
    return found is not None and bool(found[0])
