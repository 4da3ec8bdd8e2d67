"""A DuckDB session for SELECTs that the caller has: over files of the lake, and rows that the caller brings.

Not here: what is read from where (`checks.lake`), and statements of an operator (`adhoc`).
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analytics_etl.engines.duckdb import POSTGRES_TYPES, UnsupportedError, opened, quoted
from analytics_etl.lake import Lake
from analytics_etl.landing.batches import plain_booleans

_ROWS_AT_ONCE = 65_536
_TYPES = {**POSTGRES_TYPES, "smallint": "SMALLINT", "numeric": "DECIMAL(38, 10)"}
"""{type in PostgreSQL: type in DuckDB} of rows that are brought."""
_KINDS = {"bigint": int, "integer": int, "smallint": int, "double precision": float}
"""Numbers that DuckDB may compute as another kind: a sum of integers is a bigint in PostgreSQL."""
_UNKNOWN = (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException, duckdb.NotImplementedException)
"""DuckDB does not know something in a SELECT."""


@dataclass(frozen=True)
class LakeSession:
    """Tables and views of one connection."""

    connection: duckdb.DuckDBPyConnection
    _made: dict[str, str] = field(default_factory=dict)
    """{table or view: which of both it is}"""
    _lakes: dict[str, Lake] = field(default_factory=dict)
    """{view: the lake whose files it reads}. A lake keeps its copies of files as long as it lives."""

    def define(self, table: str, select: str, lake: Lake | None = None) -> None:
        """Make a view, in place of one of that name; `lake` is the one whose files it reads."""
        self._make_room(table, "view")
        if lake is not None:
            self._lakes[table] = lake
        self.connection.execute(f"create view {_named(table)} as {select}")

    def narrow(self, table: str, column: str, value: str) -> None:
        """Leave of a table or view the rows with a text in a column; none for an empty one, as policies do."""
        whole = f"{table} of everybody"
        self._make_room(whole, self._made[table])
        _, _, name = whole.rpartition(".")
        self.connection.execute(f"alter {self._made.pop(table)} {_named(table)} rename to {quoted(name)}")
        wanted = "'" + value.replace("'", "''") + "'"
        self.define(table, f"select * from {_named(whole)} where {quoted(column)} = nullif({wanted}, '')")  # noqa: S608

    def fill(
        self, table: str, columns: Mapping[str, str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> None:
        """Make a table of rows that are brought, in place of one of that name; `columns` have types of PostgreSQL.

        The rows are copied; beyond the memory limit they lie on disk.
        """
        casts = ", ".join(f"{quoted(name)}::{duckdb_type(kind)} as {quoted(name)}" for name, kind in columns.items())
        self._make_room(table, "table")
        self.connection.register("_incoming", pa.RecordBatchReader.from_batches(schema, batches))
        self.connection.execute(f"create table {_named(table)} as select {casts} from _incoming")  # noqa: S608 - ours
        self.connection.unregister("_incoming")

    def rows(self, select: str) -> list[dict[str, Any]]:
        """The rows of a SELECT. Raise UnsupportedError if DuckDB does not know something in it."""
        try:
            cursor = self.connection.execute(select)
        except _UNKNOWN as error:
            raise UnsupportedError(str(error).partition("\n")[0]) from error
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def batches(self, select: str) -> Iterator[pa.RecordBatch]:
        """The rows of a SELECT as they are computed."""
        return map(plain_booleans, self.connection.sql(select).to_arrow_reader(_ROWS_AT_ONCE))

    def _make_room(self, table: str, kind: str) -> None:
        """Make the schema of a table or view, and drop what has its name."""
        schema, dot, _ = table.rpartition(".")
        if dot and not any(made.startswith(f"{schema}.") for made in self._made):
            self.connection.execute(f"create schema {quoted(schema)}")
        if table in self._made:
            self.connection.execute(f"drop {self._made[table]} {_named(table)}")
        self._made[table] = kind


@contextmanager
def lake_session(memory_mb: int, temporary_dir: Path, seconds: float | None = None) -> Iterator[LakeSession]:
    """A session without tables. TimeoutError if the block takes longer than some seconds, when one of them is named."""
    with opened(memory_mb, temporary_dir) as connection:
        if seconds is None:
            yield LakeSession(connection)
            return
        timer = threading.Timer(seconds, connection.interrupt)
        timer.start()
        try:
            yield LakeSession(connection)
        except duckdb.InterruptException:
            raise TimeoutError(f"the answer took longer than {seconds:g} seconds") from None
        finally:
            timer.cancel()


def duckdb_type(type_name: str) -> str:
    """DuckDB's type for one of PostgreSQL; UnsupportedError if values of it are not brought."""
    if type_name not in _TYPES:
        raise UnsupportedError(f"a column has the type {type_name}, expected one of {sorted(_TYPES)}; cast it")
    return _TYPES[type_name]


def as_postgres_gives(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of DuckDB with the values that PostgreSQL gives for {column: its type there}."""
    return [{name: _value(value, types.get(name, "")) for name, value in row.items()} for row in rows]


def _value(value: Any, type_name: str) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if type_name == "numeric" and value is not None:
        number = Decimal(str(value))
        return number.quantize(1) if number.is_finite() and number == number.to_integral_value() else number
    if type_name == "jsonb" and value is not None:
        return json.loads(value)
    if type_name in _KINDS and value is not None:
        return _KINDS[type_name](value)
    return value


def _named(table: str) -> str:
    return ".".join(map(quoted, table.split(".", 1)))
