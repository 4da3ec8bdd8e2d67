"""Writing the days of a load: copies of an event are left out. Not here: which copy is kept (`copies`)."""

from collections.abc import Callable, Iterable
from datetime import date
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.catalog.contracts import REVISION, Contract
from analytics_etl.lake.copies import kept_copies
from analytics_etl.lake.files import Lake
from analytics_etl.lake.reading import with_uuids
from analytics_etl.lake.writing import ARROW_TYPES, ROWS_OF_A_GROUP, Part, PartitionWriter, stored_as


def schema_of(contract: Contract) -> pa.Schema:
    """The schema of the files of an event table."""
    return pa.schema(
        [pa.field(column.name, ARROW_TYPES[column.type], not column.is_required) for column in contract.columns]
    )


class DayWriter(PartitionWriter):
    """Writes the valid rows of a load, day by day: first as they come, then the rows that are kept.

    Which rows are kept is known only when all were seen. The first files are read once, so they are compressed little.
    """

    def __init__(self, lake: Lake, contract: Contract, days: Iterable[date], memory_mb: int) -> None:
        self._contract, self._memory_mb = contract, memory_mb
        super().__init__(
            lake, contract.table, contract.code_version, schema_of(contract), days, contract.personal_columns,
            compression="lz4",
        )  # fmt: skip

    def keep(self, ids: pa.Table, also: Callable[[date, pa.RecordBatch], object]) -> pa.Table:
        """Write the files of the lake, with one row of each of the given (event_id, day), see `copies`.

        `also` gets the day and the rows of each batch that is written, with UUIDs as such. Returns the conflicts: the
        (event_id, day, revision) whose copies of the highest revision differ. Lower revisions may differ, since the
        highest one replaces them on purpose.
        """
        found: list[tuple[UUID, date, int | None]] = []
        for day, rows in list(self._parts.items()):
            self._finish(rows, {})
            new = self._parts[day] = self._open(day, "kept", "zstd")
            wanted = ids.filter(pc.equal(ids["day"], pa.scalar(day)))["event_id"]
            copied = stored_as(wanted.combine_chunks())
            with pq.ParquetFile(rows.path) as parquet:
                for batch in parquet.iter_batches(batch_size=ROWS_OF_A_GROUP):
                    self._keep(new, day, _without(batch, copied), also)
            if len(copied):
                kept = kept_copies(rows.path, self._contract, copied, self._scratch.path, self._memory_mb)
                for batch in kept.rows.to_batches():
                    self._keep(new, day, batch, also)
                found += [(event_id, day, revision) for event_id, revision in kept.conflicts]
            rows.path.unlink()
        return pa.table(
            {
                "event_id": pa.array([event_id.bytes for event_id, *_ in found], pa.uuid()),
                "day": pa.array([day for _, day, _ in found], pa.date32()),
                REVISION: pa.array([revision for *_, revision in found], pa.int64()),
            }
        )

    def _keep(
        self, part: Part, day: date, batch: pa.RecordBatch, also: Callable[[date, pa.RecordBatch], object]
    ) -> None:  # fmt: skip
        stored = batch.cast(self._schema)  # DuckDB knows no bytes of a fixed number
        self._add(part, stored)
        also(day, with_uuids(stored))


def _without(batch: pa.RecordBatch, ids: pa.Array) -> pa.RecordBatch:
    """The rows of a batch whose event_id is none of some."""
    return batch.filter(pc.invert(pc.is_in(batch["event_id"], value_set=ids))) if len(ids) else batch
