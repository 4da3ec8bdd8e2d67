"""Batches of rows: each from a random stream of its own, with second copies and bad rows as asked for."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

import math
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.families.sample.families import make_families
from analytics_etl.families.sample.lines import render
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import DAY_US, Slice, day_events, draw_moments
from analytics_etl.families.sample.tables import EventTable, Row

_BATCH_ROWS = 50_000  # about 25 MB of JSON text; half a dozen batches are in memory at once


@dataclass(frozen=True)
class Batch:
    """A slice of the events of one table and day, made at once."""

    name: str
    table: EventTable
    part: Slice


def rendered_batches(options: SampleOptions) -> Iterator[tuple[Batch, list[Any]]]:
    """Yield each batch with what is to be written for it, in order, while two threads work a few batches ahead."""
    pending: deque[tuple[Batch, Future[list[Any]]]] = deque()
    with ThreadPoolExecutor(2) as threads:
        for batch in _batches(options):
            pending.append((batch, threads.submit(_make, options, batch)))
            if len(pending) > 3:
                done, parts = pending.popleft()
                yield done, parts.result()
        for done, parts in pending:
            yield done, parts.result()


def _batches(options: SampleOptions) -> Iterator[Batch]:
    families = make_families(options)
    for age in reversed(range(options.days)):
        day = options.last_day - timedelta(days=age)
        events = day_events(options, day)
        for tables in families:
            for name, total in _counts(tables, events, day).items():
                for first in range(0, total, _BATCH_ROWS):
                    yield Batch(name, tables[name], Slice(day, first, min(_BATCH_ROWS, total - first), total))


def _counts(tables: Mapping[str, EventTable], events: int, day: date) -> dict[str, int]:
    """How many events each table of a family has. The first table gets the remainder of the rounding of shares."""
    counts = {name: round(events * table.share) for name, table in tables.items()}
    first, *others = counts
    total = round(events * math.fsum(table.share for table in tables.values()))
    counts[first] = total - sum(counts[name] for name in others)
    return counts | {name: table.count(events, day) for name, table in tables.items() if table.count is not None}


def _make(options: SampleOptions, batch: Batch) -> list[Any]:
    rows, defects = _rows(options, batch)
    return render(rows, defects, options.file_format, is_first=batch.part.first == 0)


def _rows(options: SampleOptions, batch: Batch) -> tuple[pa.RecordBatch, dict[int, Row]]:
    """The rows of a batch, second copies among them, and what is wrong with which of them."""
    moments = draw_moments(options, batch.part, batch.table.stream)
    columns = batch.table.columns(moments)
    rng, originals = moments.rng, np.arange(moments.size)
    copied = np.flatnonzero(moments.chance(options.duplicate_ratio))
    # A copy follows its original after up to a thousand rows.
    order = np.argsort(np.append(originals, copied + rng.integers(1, 1001, len(copied))), kind="stable")
    rows = np.append(originals, copied)[order]
    # A tenth of the copies are changed: later, by at most ten seconds, and still of the same day.
    is_changed = (order >= moments.size) & (rng.random(len(order)) < 0.1)
    room = DAY_US - 1 - moments.time[rows] % DAY_US
    delay = pa.array(is_changed * np.minimum(rng.integers(1, 10_000_000, len(rows)), room), pa.duration("us"))
    for name, column in columns.items():
        moved = column.take(pa.array(rows))
        columns[name] = pc.add(moved, delay) if pa.types.is_timestamp(column.type) else moved
    is_bad = moments.chance(options.bad_row_ratio)
    is_bad[copied] = False
    bad_rows = np.flatnonzero(is_bad[rows])
    defects = batch.table.defects + (() if options.file_format == "parquet" else batch.table.text_defects)
    chosen = rng.integers(0, len(defects), len(bad_rows))
    return pa.RecordBatch.from_pydict(columns), dict(zip(bad_rows.tolist(), (defects[i] for i in chosen), strict=True))
