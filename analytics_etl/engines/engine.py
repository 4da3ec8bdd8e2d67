"""What publishing needs of an engine, and the slices of a window that an engine may compute one after the other."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import pyarrow as pa

from analytics_etl.catalog.grains import GRAINS
from analytics_etl.catalog.models import Model

MOST_ROWS_OF_SLICE = 1_000_000
"""Input rows of one slice, unless a day of a table that cannot be cut any further has more."""
_DAY = timedelta(days=1)


class Engine(Protocol):
    """Computes rows of tables whose inputs lie in the lake."""

    @property
    def name(self) -> str:
        """As the books name it."""

    def compute(
        self, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        """The rows of the partitions that begin in [start, end), in batches.

        `types` is {column: its type in PostgreSQL}, in order. The batches have these columns, UUIDs as `pa.uuid()`.
        """


@dataclass(frozen=True)
class Slice:
    """A part of a window, [start, end), that gives the same rows alone as within the window."""

    start: datetime
    end: datetime

    @property
    def parameters(self) -> dict[str, str]:
        """`:start` and `:end` of the slice, as `window_parameters` writes them for whole days."""
        return {"start": f"{self.start:%Y-%m-%d %H:%M:%S}+00", "end": f"{self.end:%Y-%m-%d %H:%M:%S}+00"}


def slices(model: Model, rows: Mapping[date, int], start: date, end: date) -> Iterator[Slice]:
    """The window in parts of bounded size; `rows` are the input rows of each day.

    A window of several days gives the same rows as its days one by one. Within a day, a bucket never reaches beyond an
    hour where the suffix of the table says so.
    """
    if model.cadence != "day":
        yield Slice(_midnight(start), _midnight(end))
        return
    first, collected = start, 0
    for day in (start + timedelta(days=n) for n in range((end - start).days)):
        count = rows.get(day, 0)
        if day > first and collected + count > MOST_ROWS_OF_SLICE:
            yield Slice(_midnight(first), _midnight(day))
            first, collected = day, 0
        collected += count
        if collected > MOST_ROWS_OF_SLICE and _has_hours(model):
            yield from _hours(day)
            first, collected = day + _DAY, 0
    if first < end:
        yield Slice(_midnight(first), _midnight(end))


def _has_hours(model: Model) -> bool:
    """Whether each row of a table is made of the events of one hour."""
    grain = GRAINS.get(model.name.rsplit("_", maxsplit=1)[-1])
    return grain is not None and isinstance(grain.bucket, int) and 3600 % grain.bucket == 0


def _hours(day: date) -> Iterator[Slice]:
    for hour in range(24):
        start = _midnight(day) + timedelta(hours=hour)
        yield Slice(start, start + timedelta(hours=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
