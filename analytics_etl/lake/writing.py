"""Writing files of the lake: rows come in batches, each partition of a table becomes one file.

The rows stay in the order in which they come, which for events is about the order of time: sorting a day of 3.5 million
rows by time or by module took four times as long as writing it, and neither reading nor size gained by it.

UUIDs are written as 16 plain bytes: DuckDB, pyarrow and Spark read them, and Spark refuses Parquet's own type.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.disk import private
from analytics_etl.lake.files import Lake, LakeFile

ROWS_OF_A_GROUP = 122_880
"""Most rows of a row group."""
_BYTES_OF_A_GROUP = 16 << 20
_BYTES_WAITING = 48 << 20
"""Most bytes that wait for their row group, of all partitions together."""


ARROW_TYPES = {
    "uuid": pa.binary(16),
    "timestamptz": pa.timestamp("us", "UTC"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "jsonb": pa.string(),
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
}
"""{type in PostgreSQL: type in the files of the lake}."""


@dataclass
class Part:
    """The file of one partition, in the staging folder, and the rows that wait for its next row group."""

    path: Path
    writer: pq.ParquetWriter
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    waiting_bytes: int = 0
    waiting_rows: int = 0
    rows: int = 0
    personal_values: int = 0


class PartitionWriter:
    """Writes partitions of one table. A context manager, which removes what was not moved into the lake."""

    def __init__(
        self, lake: Lake, table: str, version: str, schema: pa.Schema, starts: Iterable[date],
        personal: Sequence[str] = (), compression: str = "zstd",
    ) -> None:  # fmt: skip
        """`version` is the code version of the contract or SELECT, `starts` are the partitions, each one a file."""
        self._lake, self._table, self._version, self._personal = lake, table, version, personal
        self._schema = schema
        self._scratch = lake.scratch()
        self._parts = {start: self._open(start, "rows", compression) for start in sorted(starts)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in self._parts.values():
            with suppress(OSError, pa.ArrowException):  # after an error: the file is thrown away
                part.writer.close()
        self._scratch.remove()

    def add(self, start: date, rows: pa.Table | pa.RecordBatch) -> None:
        """Add rows to a partition; `rows` has exactly the columns of the schema."""
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else [rows]:
            self._add(self._parts[start], batch)

    def place(self, run_id: str | None) -> Iterator[LakeFile]:
        """Finish the partitions and move them into the lake, one after the other."""
        for start, part in self._parts.items():
            yield self._place(start, part, run_id)

    def _place(self, start: date, part: Part, run_id: str | None) -> LakeFile:
        family, name = self._table.split(".")
        self._finish(
            part,
            {
                "family": family, "table": name, "day": start.isoformat(), "rows": str(part.rows),
                "contract_version": self._version, "run": run_id or "",
            },
        )  # fmt: skip
        size = part.path.stat().st_size
        path, digest = self._lake.place(part.path, self._table, start)
        return LakeFile(
            self._table, start, path, part.rows, size, digest, self._version, bool(part.personal_values)
        )  # fmt: skip

    def _open(self, start: date, what: str, compression: str) -> Part:
        path = self._scratch.path / f"{start.isoformat()}.{what}.parquet"
        return Part(path, open_writer(path, self._schema, compression))

    def _add(self, part: Part, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        stored = pa.RecordBatch.from_arrays([stored_as(column) for column in batch.columns], schema=self._schema)
        part.waiting.append(stored)
        part.waiting_bytes += stored.nbytes
        part.waiting_rows += stored.num_rows
        part.rows += stored.num_rows
        for name in self._personal:
            part.personal_values += stored.num_rows - stored[name].null_count
        if part.waiting_rows >= ROWS_OF_A_GROUP or part.waiting_bytes >= _BYTES_OF_A_GROUP:
            _flush(part)
        elif sum(each.waiting_bytes for each in self._parts.values()) >= _BYTES_WAITING:
            _flush(max(self._parts.values(), key=lambda each: each.waiting_bytes))

    def _finish(self, part: Part, metadata: Mapping[str, str]) -> None:
        _flush(part)
        close_writer(part.writer, part.path, metadata)


def open_writer(path: Path, schema: pa.Schema, compression: str = "zstd") -> pq.ParquetWriter:
    """A writer of a lake file. Ids and times are nearly all different, so a dictionary of them would not help."""
    private.create(path, "wb").close()  # with the permissions of its folder
    repeated = [item.name for item in schema if item.type not in (pa.binary(16), pa.timestamp("us", "UTC"))]
    level = 1 if compression == "zstd" else None
    return pq.ParquetWriter(
        str(path), schema, compression=compression, compression_level=level, use_dictionary=repeated
    )


def close_writer(writer: pq.ParquetWriter, path: Path, metadata: Mapping[str, str]) -> None:
    """End a file, with its metadata, and make it survive a power cut."""
    writer.add_key_value_metadata(dict(metadata))
    writer.close()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(part: Part) -> None:
    """Write the waiting rows as a row group."""
    if part.waiting:
        part.writer.write_table(pa.Table.from_batches(part.waiting), row_group_size=ROWS_OF_A_GROUP)
    part.waiting, part.waiting_bytes, part.waiting_rows = [], 0, 0


def stored_as(column: pa.Array) -> pa.Array:
    """UUIDs as their 16 bytes; other values as they are."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column
