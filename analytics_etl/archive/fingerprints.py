"""The fingerprint of a Parquet file, computed by DuckDB, so independent of the code that wrote the file.

`tables.partition_rows` computes the same in PostgreSQL. Both hash a row as one text: the texts of its columns, each
after its length in bytes, so that different rows have different texts; NULL is a dash.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.archive.manifest import ArchiveError, Fingerprint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fingerprint_of_file(
    path: Path, columns: Mapping[str, str], personal: Sequence[str], time_column: str, memory_mb: int
) -> Fingerprint:
    """The fingerprint of all rows of a file. Raise ArchiveError if it cannot be read or has other columns."""
    try:
        parquet = pq.ParquetFile(path)
        names = parquet.schema_arrow.names
        if names != list(columns):
            raise ArchiveError(f"{path} has the columns {names}, expected {list(columns)}")
        with parquet, duckdb.connect(config={"memory_limit": f"{memory_mb}MB"}) as connection:
            connection.execute("set timezone = 'UTC'")
            batches = pa.RecordBatchReader.from_batches(
                _schema(parquet.schema_arrow), map(_bits_of_doubles, parquet.iter_batches(batch_size=65_536))
            )
            connection.register("archived", batches)
            found = connection.execute(_statement(columns, personal, time_column)).fetchone()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise ArchiveError(f"{path} cannot be read as Parquet: {error}") from error
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
    return f"select {', '.join(selected)} from archived"  # noqa: S608 - names of a contract or manifest, which are ours


def _hash(names: Iterable[str], columns: Mapping[str, str]) -> str:
    row = " || ".join(_text(name, columns[name]) for name in names)
    return f"coalesce(sum(('0x' || substr(md5({row}), 1, 15))::bigint), 0)::varchar"


def _text(name: str, type_name: str) -> str:
    text = f'epoch_us("{name}")::varchar' if type_name == "timestamptz" else f'"{name}"::varchar'
    return f"coalesce(strlen({text})::varchar || ':' || {text}, '-')"


def _schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(pa.int64()) if field.type == pa.float64() else field for field in schema])


def _bits_of_doubles(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Replace doubles by the integers of their bits, since the two engines write doubles differently as text."""
    arrays = [column.view(pa.int64()) if column.type == pa.float64() else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=_schema(batch.schema))
