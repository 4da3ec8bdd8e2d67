"""The rows of a partition: their fingerprint, computed by PostgreSQL, and a stream of them as Arrow batches.

`lake.fingerprints` computes the same fingerprint from a file, and documents how a row becomes a text.
"""

import io
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg import Copy, sql

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.json_arrays import map_texts
from analytics_etl.catalog.json_values import canonical
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.lake.fingerprint import Fingerprint
from analytics_etl.lake.fingerprints import from_row
from analytics_etl.postgres.connection import Connection, identifier
from analytics_etl.postgres.pool import transaction

_ARROW_TYPES = {
    "uuid": pa.uuid(),
    "timestamptz": pa.timestamp("us", "UTC"),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
}
"""Types of the batches. Any other type is PostgreSQL's text, but JSON is in the form of `json_values`."""

_ALL = sql.SQL("true")

_BLOCK = 16 << 20
"""Bytes of CSV parsed at once. It bounds the memory, and the length of a row."""


def arrow_schema(columns: Mapping[str, str], arrow_types: Mapping[str, pa.DataType] = _ARROW_TYPES) -> pa.Schema:
    """The schema of the batches, from {column: type in PostgreSQL}."""
    return pa.schema([(name, arrow_types.get(type_name, pa.string())) for name, type_name in columns.items()])


def fingerprint(
    connection: Connection, table: sql.Identifier, columns: Mapping[str, str], personal: Sequence[str], time_column: str
) -> Fingerprint:
    """The fingerprint of all rows of a table."""
    public = [name for name in columns if name not in personal]
    values: list[sql.Composable] = [sql.SQL("count({})").format(sql.Identifier(name)) for name in personal]
    time = sql.Identifier(time_column)
    selected: list[sql.Composable] = [
        sql.SQL("count(*)"),
        _hash(["event_id"], columns),
        _hash(public, columns),
        _hash(["event_id", *personal], columns),
        sql.SQL(" + ").join(values or [sql.SQL("0")]),
        sql.SQL("(extract(epoch from min({})) * 1000000)::bigint").format(time),
        sql.SQL("(extract(epoch from max({})) * 1000000)::bigint").format(time),
        *(
            sql.SQL("sum({})::text").format(sql.Identifier(name))
            for name, type_name in columns.items()
            if type_name == "bigint"
        ),
    ]
    found = connection.execute(sql.SQL("select {} from {}").format(sql.SQL(", ").join(selected), table)).fetchone()
    assert found is not None
    return from_row(found, columns)


def stream(
    connection: Connection, table: sql.Composable, columns: Mapping[str, str],
    condition: sql.Composable = _ALL, arrow_types: Mapping[str, pa.DataType] = _ARROW_TYPES,
) -> Generator[pa.RecordBatch, None, None]:  # fmt: skip
    """The rows as batches of `arrow_schema(columns, arrow_types)`, in no order.

    They come as CSV, which Arrow parses in parallel. It is exact: NULL is an empty field, an empty text a quoted one.
    The caller closes the generator, also after an error: a transaction cannot be rolled back during a COPY.
    """
    schema = arrow_schema(columns, arrow_types)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("copy (select {} from {} where {}) to stdout with (format csv)").format(names, table, condition)
    read_as = {field.name: pa.string() if field.type == pa.uuid() else field.type for field in schema}
    with connection.cursor() as cursor, cursor.copy(statement) as copy, _CopyStream(copy) as stream_of_bytes:
        if stream_of_bytes.is_empty:
            return
        with pacsv.open_csv(
            io.BufferedReader(stream_of_bytes, 1 << 20),
            read_options=pacsv.ReadOptions(column_names=list(columns), block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=read_as, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
                true_values=["t"], false_values=["f"],
            ),
        ) as batches:  # fmt: skip
            for batch in batches:
                yield pa.RecordBatch.from_arrays(
                    [_value(column, kind) for column, kind in zip(batch.columns, columns.values(), strict=True)],
                    schema=schema,
                )


def event_rows(
    settings: Settings, contract: Contract, columns: Sequence[str], start: date, end: date
) -> Generator[pa.RecordBatch, None, None]:
    """Some columns of the raw rows of [start, end), in batches of bounded size. The caller closes the generator."""
    types = {column.name: column.type for column in contract.columns if column.name in columns}
    time, window = sql.Identifier(contract.time_column), window_parameters(start, end)
    condition = sql.SQL("{} >= {} and {} < {}").format(time, window["start"], time, window["end"])
    with (
        transaction(settings) as connection,
        closing(stream(connection, identifier(contract.table), types, condition)) as batches,
    ):
        yield from batches


class _CopyStream(io.RawIOBase):
    """The output of COPY as a file. Arrow reads ahead on a thread: a lock separates reading and closing."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._reading = threading.Lock()
        self._rest = memoryview(copy.read())
        self.is_empty = not self._rest

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        with self._reading:
            super().close()

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        with self._reading:
            if self.closed:
                return 0
            return self._read(target)

    def _read(self, target: memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(self._copy.read())
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _value(values: pa.Array, type_name: str) -> pa.Array:
    """A column of PostgreSQL's CSV as the batches have it."""
    if type_name == "uuid":
        return _uuids(values)
    return map_texts(values, canonical) if type_name == "jsonb" else values


def _uuids(texts: pa.Array) -> pa.Array:
    digits = pc.replace_substring(texts, "-", "")
    everything = bytes.fromhex("".join(digits.drop_null().to_pylist()))
    if digits.null_count:  # only optional columns have NULLs
        present = iter(range(0, len(everything), 16))
        values = [everything[(at := next(present)) : at + 16] if ok else None for ok in digits.is_valid().to_pylist()]
        return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(texts), [None, pa.py_buffer(everything)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def _hash(names: Iterable[str], columns: Mapping[str, str]) -> sql.Composable:
    """The hash of some columns over all rows, see `lake.fingerprints`."""
    row = sql.SQL(" || ").join(_text(name, columns[name]) for name in names)
    return sql.SQL("coalesce(sum(('x' || substr(md5({}), 1, 15))::bit(60)::bigint), 0)::text").format(row)


def _text(name: str, type_name: str) -> sql.Composable:
    """A value as text after its length in bytes; times in microseconds, doubles by their bits, NULL as a dash."""
    column = sql.Identifier(name)
    if type_name == "timestamptz":
        text = sql.SQL("(extract(epoch from {}) * 1000000)::bigint::text").format(column)
    elif type_name == "double precision":
        text = sql.SQL("('x' || encode(float8send({}), 'hex'))::bit(64)::bigint::text").format(column)
    else:
        text = sql.SQL("{}::text").format(column)
    return sql.SQL("coalesce(octet_length({})::text || ':' || {}, '-')").format(text, text)
