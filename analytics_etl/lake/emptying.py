"""Removing personal data from a day in the lake: its file is written anew with NULL in the personal columns."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.lake.files import Lake, LakeError, LakeFile
from analytics_etl.lake.writing import ROWS_OF_A_GROUP, close_writer, open_writer


def without_personal_data(lake: Lake, file: LakeFile, personal: Sequence[str]) -> tuple[LakeFile, int]:
    """A new file of the same rows with NULL in the personal columns, and how many values were removed.

    The new file has the columns and the metadata of the old one, whatever the contract is now.
    """
    removed = rows = 0
    scratch = lake.scratch()
    try:
        with pq.ParquetFile(lake.verified(file)) as parquet:
            schema = parquet.schema_arrow.remove_metadata()
            path = scratch.path / f"{file.day.isoformat()}.parquet"
            writer = open_writer(path, schema)
            try:
                for batch in parquet.iter_batches(batch_size=ROWS_OF_A_GROUP):
                    emptied, values = _emptied(batch, personal, schema)
                    writer.write_table(emptied, row_group_size=ROWS_OF_A_GROUP)
                    removed, rows = removed + values, rows + batch.num_rows
            finally:
                close_writer(writer, path, _own_metadata(parquet))
        if rows != file.rows:
            raise LakeError(f"{file.path}: {rows} rows were read, expected {file.rows}; load the day again")
        size = path.stat().st_size
        place, digest = lake.place(path, file.table, file.day)
    finally:
        scratch.remove()
    return replace(file, path=place, sha256=digest, size_bytes=size, has_personal_data=False), removed


def _emptied(batch: pa.RecordBatch, personal: Sequence[str], schema: pa.Schema) -> tuple[pa.Table, int]:
    """The rows with NULL in the personal columns, and the number of values that these had."""
    removed, arrays = 0, list(batch.columns)
    for number, item in enumerate(schema):
        if item.name in personal:
            removed += batch.num_rows - arrays[number].null_count
            arrays[number] = pa.nulls(batch.num_rows, item.type)
    return pa.Table.from_arrays(arrays, schema=schema), removed


def _own_metadata(parquet: pq.ParquetFile) -> dict[str, str]:
    """What the file says of itself, without what Arrow adds."""
    known = parquet.metadata.metadata or {}
    return {key.decode(): value.decode() for key, value in known.items() if not key.startswith(b"ARROW")}
