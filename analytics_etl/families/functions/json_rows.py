"""Rows out of JSON: a row of the SELECT has a list of objects, each of which becomes a row of the table."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

ITEMS = "items"
"""The column with the list."""


def rows_of_json(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each object of the column `items`: its values by name, and the other columns of the SELECT.

    A row whose list is NULL gives none, a key that an object lacks is NULL.
    """
    for batch in batches:
        for row in batch.to_pylist():
            found = json.loads(row.pop(ITEMS) or "[]")
            if found:
                yield batch_of([{**row, **item} for item in found], schema)


def batch_of(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as a batch with the columns of a table; what they lack is NULL."""
    return pa.RecordBatch.from_pylist(rows, schema)
