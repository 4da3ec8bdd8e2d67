"""Reading the rows of a file of the lake."""

from collections.abc import Collection, Generator

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.lake.files import Lake, LakeFile

_ROWS_AT_ONCE = 65_536


def read(lake: Lake, file: LakeFile, columns: Collection[str] | None = None) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a file in batches of bounded size, UUIDs as UUIDs; of these columns those that it has."""
    with pq.ParquetFile(lake.verified(file)) as parquet:
        there = [name for name in parquet.schema_arrow.names if columns is None or name in columns]
        for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE, columns=there):
            yield with_uuids(batch)


def with_uuids(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of a lake file, in which UUIDs are 16 bytes, with UUIDs."""
    arrays = [
        pa.ExtensionArray.from_storage(pa.uuid(), column) if column.type == pa.binary(16) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
