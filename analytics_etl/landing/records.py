"""The records of opened files, and how the records of several files follow each other in one statement."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow as pa

from analytics_etl.landing.fields import Fields
from analytics_etl.landing.file_reports import FileReport

_WIDE_ROW = 640
"""Bytes of a row. 50,000 of them, which is what is taken out of a statement together, are 32 MB; of wider rows one
statement is given as much.
"""
_ENOUGH_WIDE_BYTES = 32 << 20
MOST_ROWS_AT_ONCE = 50_000
_BYTES_AT_ONCE = 32 << 20
"""What rows that are in memory together may take."""
_ENOUGH_BYTES = 2 << 20
"""What is worth DuckDB's while: small files are handed to it together."""


@dataclass(frozen=True)
class Records:
    """The records of a file that has been opened, and how they become fields."""

    report: FileReport
    fields: Fields
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    rows_at_once: int = MOST_ROWS_AT_ONCE
    """How many rows may be in memory together."""

    def can_follow(self, other: "Records") -> bool:
        """Whether the same statement can read both."""
        is_alike = self.fields == other.fields and self.schema.equals(other.schema)
        return is_alike and self.rows_at_once == other.rows_at_once

    def by_width(self) -> Iterator["Records"]:
        """The same in parts, each with rows of about the same width, so that few wide ones are in memory together."""
        filled = (batch for batch in self.batches if batch.num_rows)
        for rows, batches in groupby(filled, key=_rows_at_once):
            yield replace(self, batches=batches, rows_at_once=rows)


def _rows_at_once(batch: pa.RecordBatch) -> int:
    """How many rows as wide as those of a batch may be in memory together: one of a few numbers."""
    width = max(batch.nbytes // batch.num_rows, 1)
    steps = (MOST_ROWS_AT_ONCE, 10_000, 2_000, 400, 100)
    return next((rows for rows in steps if rows * width <= _BYTES_AT_ONCE), 25)


class Chain:
    """The records of a source and of those after it that have its shape, each row with its file's number and time."""

    def __init__(self, first: Records, others: Iterator[Records]) -> None:
        self._first = first
        self._others = others
        self._wide_bytes = 0
        self.next: Records | None = None
        """What the next chain begins with, once this one was read: a source of another shape, or the rest of this one's
        when its rows are wide.
        """

    def reader(self) -> pa.RecordBatchReader:
        """All of them as one; it ends before the first of another shape."""
        schema = self._first.schema.append(pa.field("_file", pa.int32()))
        schema = schema.append(pa.field("_found_at", pa.timestamp("us", "UTC")))
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        few: list[pa.RecordBatch] = []
        size = 0
        for batch in self._marked(schema):
            few.append(batch)
            size += batch.nbytes
            if size >= _ENOUGH_BYTES:
                yield pa.concat_batches(few)
                few, size = [], 0
        if few:
            yield pa.concat_batches(few)

    def _marked(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The batches of all sources, until one is of another shape or there were many bytes of wide rows."""
        source: Records | None = self._first
        while source is not None and source.can_follow(self._first):
            number = pa.scalar(source.report.number, pa.int32())
            found_at = pa.scalar(source.report.found_at, pa.timestamp("us", "UTC"))
            for batch in source.batches:
                marks = [pa.repeat(number, batch.num_rows), pa.repeat(found_at, batch.num_rows)]
                yield pa.RecordBatch.from_arrays([*batch.columns, *marks], schema=schema)
                if batch.nbytes > _WIDE_ROW * batch.num_rows:
                    self._wide_bytes += batch.nbytes
                if self._wide_bytes >= _ENOUGH_WIDE_BYTES:
                    self.next = source
                    return
            source = next(self._others, None)
        self.next = source
