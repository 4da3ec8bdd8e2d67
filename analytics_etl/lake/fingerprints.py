"""The fingerprint of the rows of a day, computed by DuckDB from a Parquet file: independent of the code that wrote it.

`tables.partition_rows` computes the same in PostgreSQL. Both hash a row as one text: the texts of its columns, each
after its length in bytes, so that different rows have different texts; NULL is a dash.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.catalog.json_arrays import map_texts
from analytics_etl.catalog.json_values import as_postgres_writes
from analytics_etl.lake.files import LakeError
from analytics_etl.lake.fingerprint import Fingerprint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_AT_ONCE = 65_536


def fingerprint_of_file(
    path: Path, columns: Mapping[str, str], personal: Sequence[str], time_column: str, memory_mb: int
) -> Fingerprint:
    """The fingerprint of all rows of a file, of some columns. A column that the file does not have is NULL in it."""
    try:
        with pq.ParquetFile(path) as parquet, duckdb.connect(config={"memory_limit": f"{memory_mb}MB"}) as connection:
            connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
            there = [name for name in columns if name in parquet.schema_arrow.names]
            read = parquet.iter_batches(batch_size=_ROWS_AT_ONCE, columns=there)
            connection.register("file", _reader(parquet.schema_arrow, columns, read))
            found = connection.execute(_statement(columns, personal, time_column)).fetchone()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise LakeError(f"{path} cannot be read as Parquet: {error}") from error
    assert found is not None
    return from_row(found, columns)


def from_row(row: Sequence[object], columns: Mapping[str, str]) -> Fingerprint:
    """A fingerprint from the row that both engines select: rows, three hashes, personal values, times, sums."""
    rows, key, content, personal, values, first, last, *sums = row
    summed = [name for name, type_name in columns.items() if type_name == "bigint"]
    return Fingerprint(
        rows=int(str(rows)),
        key_hash=str(key),
        content_hash=str(content),
        personal_hash=str(personal),
        personal_values=int(str(values)),
        sums={name: None if total is None else str(total) for name, total in zip(summed, sums, strict=True)},
        min_time=None if first is None else _time(int(str(first))),
        max_time=None if last is None else _time(int(str(last))),
    )


def _time(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()


def _statement(columns: Mapping[str, str], personal: Sequence[str], time_column: str) -> str:
    public = [name for name in columns if name not in personal]
    values = " + ".join([f'count("{name}")' for name in personal] or ["0"])
    time = f'"{time_column}"'
    sums = [f'sum("{name}")::varchar' for name, type_name in columns.items() if type_name == "bigint"]
    selected = [
        "count(*)",
        _hash(["event_id"], columns),
        _hash(public, columns),
        _hash(["event_id", *personal], columns),
        values,
        f"epoch_us(min({time}))",
        f"epoch_us(max({time}))",
        *sums,
    ]
    return f"select {', '.join(selected)} from file"  # noqa: S608 - names of a contract or manifest


def _hash(names: Iterable[str], columns: Mapping[str, str]) -> str:
    row = " || ".join(_text(name, columns[name]) for name in names)
    return f"coalesce(sum(('0x' || substr(md5({row}), 1, 15))::bigint), 0)::varchar"


def _text(name: str, type_name: str) -> str:
    text = f'epoch_us("{name}")::varchar' if type_name == "timestamptz" else f'"{name}"::varchar'
    return f"coalesce(strlen({text})::varchar || ':' || {text}, '-')"


def _reader(schema: pa.Schema, columns: Mapping[str, str], batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    """The batches as DuckDB is to see them: with all columns, UUIDs as such, doubles as the integers of their bits, and
    JSON as PostgreSQL writes it. The two engines write doubles and JSON differently as text.
    """
    types = {name: _type(schema, name, type_name) for name, type_name in columns.items()}

    def converted(batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [
            _converted(batch[name], kind, columns[name])
            if name in batch.schema.names
            else pa.nulls(batch.num_rows, kind)
            for name, kind in types.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(types))

    return pa.RecordBatchReader.from_batches(pa.schema(types), map(converted, batches))


def _type(schema: pa.Schema, name: str, type_name: str) -> pa.DataType:
    """The type of a column as DuckDB is to see it."""
    if name not in schema.names:
        return pa.timestamp("us", "UTC") if type_name == "timestamptz" else pa.int64()
    found = schema.field(name).type
    return {pa.float64(): pa.int64(), pa.binary(16): pa.uuid()}.get(found, found)


def _converted(column: pa.Array, kind: pa.DataType, type_name: str) -> pa.Array:
    if type_name == "jsonb":
        return map_texts(column, as_postgres_writes)
    if column.type == pa.float64():
        return column.view(pa.int64())
    if column.type == pa.binary(16):
        return pa.ExtensionArray.from_storage(kind, column)
    return column
