"""Writing days into the lake: rows come in batches, copies of an event are left out, each day becomes one file.

The rows are written as they come. Only a day in which some event ids occur more than once is written a second time,
without the copies. The rows stay in the order of arrival, which is about the order of time: sorting a day of 3.5
million rows by time or by module took four times as long as writing it, and neither reading nor size gained by it.

UUIDs are written as 16 plain bytes: DuckDB, pyarrow and Spark read them, and Spark refuses Parquet's own type.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.catalog.contracts import REVISION, Contract
from analytics_etl.disk import private
from analytics_etl.disk.scratch import Scratch
from analytics_etl.lake.copies import kept_copies
from analytics_etl.lake.files import Lake, LakeFile

_ARROW_TYPES = {
    "uuid": pa.binary(16),
    "timestamptz": pa.timestamp("us", "UTC"),
    "text": pa.string(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
}
_ROWS_OF_A_GROUP = 122_880
_BYTES_OF_A_GROUP = 32 << 20
_BYTES_WAITING = 96 << 20
"""Most bytes that wait for their row group, of all days together."""


def schema_of(contract: Contract) -> pa.Schema:
    """The schema of the files of an event table."""
    return pa.schema(
        [pa.field(column.name, _ARROW_TYPES[column.type], not column.is_required) for column in contract.columns]
    )


@dataclass
class _Day:
    """The file of one day, in the staging folder, and the rows that wait for its next row group."""

    path: Path
    writer: pq.ParquetWriter
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    waiting_bytes: int = 0
    waiting_rows: int = 0
    rows: int = 0
    personal_values: int = 0


class DayWriter:
    """Writes the valid rows of a load, day by day. A context manager, which removes what was not moved to the lake."""

    def __init__(self, lake: Lake, contract: Contract, days: Iterable[date], memory_mb: int) -> None:
        self._lake, self._contract, self._memory_mb = lake, contract, memory_mb
        self._schema = schema_of(contract)
        private.make_folder(lake.folder, lake.folder)
        self._scratch = Scratch(lake.staging)
        self._days = {day: self._open(day, "rows") for day in sorted(days)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for day in self._days.values():
            with suppress(OSError, pa.ArrowException):  # after an error: the file is thrown away
                day.writer.close()
        self._scratch.remove()

    def add(self, day: date, rows: pa.Table) -> None:
        """Add valid rows to a day; `rows` has exactly the contract's columns."""
        for batch in rows.to_batches():
            self._add(self._days[day], batch)

    def remove_copies(self, ids: pa.Table) -> pa.Table:
        """Keep one row of each of the given (event_id, day), see `copies`.

        Returns the conflicts: the (event_id, day, revision) whose copies of the highest revision differ. Lower
        revisions may differ, since the highest one replaces them on purpose.
        """
        found: list[tuple[UUID, date, int | None]] = []
        for day in sorted(set(ids["day"].to_pylist())):
            wanted = ids.filter(pc.equal(ids["day"], pa.scalar(day)))["event_id"]
            old = self._days[day]
            self._finish(old, {})
            new = self._days[day] = self._open(day, "kept")
            copied = _storage(wanted.combine_chunks())
            with pq.ParquetFile(old.path) as parquet:
                for batch in parquet.iter_batches(batch_size=_ROWS_OF_A_GROUP):
                    is_copied = pc.is_in(batch["event_id"], value_set=copied)
                    self._add(new, batch.filter(pc.invert(is_copied)))
            kept = kept_copies(old.path, self._contract, copied, self._scratch.path, self._memory_mb)
            for batch in kept.rows.to_batches():
                self._add(new, batch)
            old.path.unlink()
            found += [(event_id, day, revision) for event_id, revision in kept.conflicts]
        return pa.table(
            {
                "event_id": pa.array([event_id.bytes for event_id, *_ in found], pa.uuid()),
                "day": pa.array([day for _, day, _ in found], pa.date32()),
                REVISION: pa.array([revision for *_, revision in found], pa.int64()),
            }
        )

    def place(self, run_id: str | None) -> Iterator[LakeFile]:
        """Finish the days and move them into the lake, one after the other."""
        for day, of_day in self._days.items():
            yield self._place(day, of_day, run_id)

    def _place(self, day: date, of_day: _Day, run_id: str | None) -> LakeFile:
        contract = self._contract
        self._finish(of_day, metadata_of(contract, day, of_day.rows, run_id))
        size = of_day.path.stat().st_size
        path, digest = self._lake.place(of_day.path, contract.table, day)
        return LakeFile(
            contract.table, day, path, of_day.rows, size, digest, contract.code_version, bool(of_day.personal_values)
        )

    def _open(self, day: date, what: str) -> _Day:
        path = self._scratch.path / f"{day.isoformat()}.{what}.parquet"
        return _Day(path, open_writer(path, self._schema))

    def _add(self, day: _Day, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        stored = pa.RecordBatch.from_arrays([_storage(column) for column in batch.columns], schema=self._schema)
        day.waiting.append(stored)
        day.waiting_bytes += stored.nbytes
        day.waiting_rows += stored.num_rows
        day.rows += stored.num_rows
        for name in self._contract.personal_columns:
            day.personal_values += stored.num_rows - stored[name].null_count
        if day.waiting_rows >= _ROWS_OF_A_GROUP or day.waiting_bytes >= _BYTES_OF_A_GROUP:
            _flush(day)
        elif sum(each.waiting_bytes for each in self._days.values()) >= _BYTES_WAITING:
            _flush(max(self._days.values(), key=lambda each: each.waiting_bytes))

    def _finish(self, day: _Day, metadata: Mapping[str, str]) -> None:
        _flush(day)
        close_writer(day.writer, day.path, metadata)


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of a lake file. Ids and times are nearly all different, so a dictionary of them would not help."""
    private.create(path, "wb").close()  # with the permissions of its folder
    repeated = [item.name for item in schema if item.type not in (pa.binary(16), pa.timestamp("us", "UTC"))]
    return pq.ParquetWriter(str(path), schema, compression="zstd", compression_level=1, use_dictionary=repeated)


def close_writer(writer: pq.ParquetWriter, path: Path, metadata: Mapping[str, str]) -> None:
    """End a file, with its metadata, and make it survive a power cut."""
    writer.add_key_value_metadata(dict(metadata))
    writer.close()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(day: _Day) -> None:
    """Write the waiting rows as a row group."""
    if day.waiting:
        day.writer.write_table(pa.Table.from_batches(day.waiting), row_group_size=_ROWS_OF_A_GROUP)
    day.waiting, day.waiting_bytes, day.waiting_rows = [], 0, 0


def _storage(column: pa.Array) -> pa.Array:
    """UUIDs as their 16 bytes; other values as they are."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def metadata_of(contract: Contract, day: date, rows: int, run_id: str | None) -> dict[str, str]:
    """What a file says of itself."""
    return {
        "family": contract.family, "table": contract.name, "day": day.isoformat(), "rows": str(rows),
        "contract_version": contract.code_version, "run": run_id or "",
    }  # fmt: skip
