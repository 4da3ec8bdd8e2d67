"""Batches of rows in Arrow: some rows of them, without copying where that is cheaper, and types that COPY can write."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_WORTH_A_SLICE = 200
"""Copying so many rows costs about as much as handling one more slice."""


def values_where(condition: pa.Array, values: pa.Array) -> pa.Array:
    """The values where the condition holds, NULL elsewhere."""
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def rows_where(batch: pa.RecordBatch, condition: pa.Array) -> pa.Table:
    """The rows of a batch for which the condition holds: without copying, if only a few rows lie between them."""
    left_out = np.flatnonzero(~condition.fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    if len(left_out) * ROWS_WORTH_A_SLICE > batch.num_rows:
        return pa.Table.from_batches([batch.filter(condition)])
    starts = [0, *(left_out + 1)]
    ends = [*left_out, batch.num_rows]
    slices = [batch.slice(a, b - a) for a, b in zip(starts, ends, strict=True) if b > a]
    return pa.Table.from_batches(slices, schema=batch.schema)


def plain_booleans(batch: pa.RecordBatch) -> pa.RecordBatch:
    """DuckDB's lossless Arrow has booleans as bool8, which the COPY encoder would write wrongly."""
    arrays = [c.cast(pa.bool_()) if isinstance(c.type, pa.Bool8Type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
