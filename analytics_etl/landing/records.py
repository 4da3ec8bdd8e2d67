"""The records of opened files, and how the records of several files follow each other in one statement."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow as pa

from analytics_etl.landing.fields import Fields
from analytics_etl.landing.file_reports import FileReport

_WIDE_ROW_BYTES = 640
"""Rows above this are wide: the 50,000 that a statement returns at once exceed 32 MB."""
_WIDE_BYTES_PER_STATEMENT = 32 << 20
"""Bytes of wider rows that one statement reads; the next statement reads the rest."""
MOST_ROWS_AT_ONCE = 50_000
_BYTES_AT_ONCE = 32 << 20
"""Most bytes of rows in memory together."""
_BATCH_BYTES = 2 << 20
"""Bytes of a batch for DuckDB, at least: the batches of small files are joined, since each has a fixed cost."""


@dataclass(frozen=True)
class Records:
    """The records of an opened file, and the fields they give."""

    report: FileReport
    fields: Fields
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    rows_at_once: int = MOST_ROWS_AT_ONCE
    """Most rows in memory together."""

    def can_follow(self, other: "Records") -> bool:
        """Whether the statement that reads `other` can read these, too."""
        is_alike = self.fields == other.fields and self.schema.equals(other.schema)
        return is_alike and self.rows_at_once == other.rows_at_once

    def by_width(self) -> Iterator["Records"]:
        """The records in parts, each with rows of similar width: of wide rows fewer may be in memory together."""
        filled = (batch for batch in self.batches if batch.num_rows)
        for rows, batches in groupby(filled, key=_rows_at_once):
            yield replace(self, batches=batches, rows_at_once=rows)


def _rows_at_once(batch: pa.RecordBatch) -> int:
    """How many rows of a batch's width may be in memory together, as one of a few steps."""
    width = max(batch.nbytes // batch.num_rows, 1)
    steps = (MOST_ROWS_AT_ONCE, 10_000, 2_000, 400, 100)
    return next((rows for rows in steps if rows * width <= _BYTES_AT_ONCE), 25)


class Chain:
    """Records of several files of one shape, one after the other, each row with its file's number and time."""

    def __init__(self, first: Records, others: Iterator[Records]) -> None:
        self._first = first
        self._others = others
        self._wide_bytes = 0
        self.next: Records | None = None
        """Start of the next chain, known when this one is read: records of another shape, or the rest of wide rows."""

    def reader(self) -> pa.RecordBatchReader:
        """All batches as one stream, which ends before the first records of another shape."""
        schema = self._first.schema.append(pa.field("_file", pa.int32()))
        schema = schema.append(pa.field("_found_at", pa.timestamp("us", "UTC")))
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        small: list[pa.RecordBatch] = []
        size = 0
        for batch in self._marked(schema):
            small.append(batch)
            size += batch.nbytes
            if size >= _BATCH_BYTES:
                yield pa.concat_batches(small)
                small, size = [], 0
        if small:
            yield pa.concat_batches(small)

    def _marked(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The batches with _file and _found_at, until the shape changes or the limit of wide rows is reached."""
        source: Records | None = self._first
        while source is not None and source.can_follow(self._first):
            number = pa.scalar(source.report.number, pa.int32())
            found_at = pa.scalar(source.report.found_at, pa.timestamp("us", "UTC"))
            for batch in source.batches:
                marks = [pa.repeat(number, batch.num_rows), pa.repeat(found_at, batch.num_rows)]
                yield pa.RecordBatch.from_arrays([*batch.columns, *marks], schema=schema)
                if batch.nbytes > _WIDE_ROW_BYTES * batch.num_rows:
                    self._wide_bytes += batch.nbytes
                if self._wide_bytes >= _WIDE_BYTES_PER_STATEMENT:
                    self.next = source
                    return
            source = next(self._others, None)
        self.next = source
