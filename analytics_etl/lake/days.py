"""Writing the days of a load: copies of an event are left out. Not here: which copy is kept (`copies`)."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.catalog.contracts import REVISION, Contract
from analytics_etl.lake.copies import kept_copies
from analytics_etl.lake.files import Lake
from analytics_etl.lake.writing import ARROW_TYPES, ROWS_OF_A_GROUP, PartitionWriter, stored_as


def schema_of(contract: Contract) -> pa.Schema:
    """The schema of the files of an event table."""
    return pa.schema(
        [pa.field(column.name, ARROW_TYPES[column.type], not column.is_required) for column in contract.columns]
    )


class DayWriter(PartitionWriter):
    """Writes the valid rows of a load, day by day. Only a day with copies is written a second time, without them."""

    def __init__(self, lake: Lake, contract: Contract, days: Iterable[date], memory_mb: int) -> None:
        self._contract, self._memory_mb = contract, memory_mb
        super().__init__(
            lake, contract.table, contract.code_version, schema_of(contract), days, contract.personal_columns
        )

    def remove_copies(self, ids: pa.Table) -> pa.Table:
        """Keep one row of each of the given (event_id, day), see `copies`.

        Returns the conflicts: the (event_id, day, revision) whose copies of the highest revision differ. Lower
        revisions may differ, since the highest one replaces them on purpose.
        """
        found: list[tuple[UUID, date, int | None]] = []
        for day in sorted(set(ids["day"].to_pylist())):
            wanted = ids.filter(pc.equal(ids["day"], pa.scalar(day)))["event_id"]
            old = self._parts[day]
            self._finish(old, {})
            new = self._parts[day] = self._open(day, "kept")
            copied = stored_as(wanted.combine_chunks())
            with pq.ParquetFile(old.path) as parquet:
                for batch in parquet.iter_batches(batch_size=ROWS_OF_A_GROUP):
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
