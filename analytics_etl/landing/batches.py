"""Arrow batches: picking rows without copying where that is cheaper, and converting types that COPY cannot write."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_WORTH_A_SLICE = 200
"""Copying this many rows costs about as much as handling one more slice."""


def values_where(condition: pa.Array, values: pa.Array) -> pa.Array:
    """The values where the condition holds, NULL elsewhere."""
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def rows_where(batch: pa.RecordBatch, condition: pa.Array) -> pa.Table:
    """The rows of a batch for which the condition holds; slices instead of a copy when few rows are left out."""
    left_out = np.flatnonzero(~condition.fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    if len(left_out) * ROWS_WORTH_A_SLICE > batch.num_rows:
        return pa.Table.from_batches([batch.filter(condition)])
    starts = [0, *(left_out + 1)]
    ends = [*left_out, batch.num_rows]
    slices = [batch.slice(a, b - a) for a, b in zip(starts, ends, strict=True) if b > a]
    return pa.Table.from_batches(slices, schema=batch.schema)


def plain_booleans(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Convert bool8, which DuckDB's lossless Arrow uses and the COPY encoder writes wrongly, to Arrow's boolean."""
    arrays = [c.cast(pa.bool_()) if isinstance(c.type, pa.Bool8Type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
