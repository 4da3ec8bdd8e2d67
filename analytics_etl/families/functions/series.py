"""The table of series: rows with the name of their series; and reading series from its rows."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.signals.series import DAY, HOUR, Integers, Series, SeriesKey

GRAINS: Mapping[str, int] = {"1h": HOUR, "1d": DAY}
_NAMING = ("family", "metric", "grain", "tenant_id", "entity", "series_labels")
_POINTS = ("bucket", "value", "weight")


def series(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the SELECT, each with the name of its series; a value that is no finite number is missing."""
    for selected in batches:
        batch = selected.filter(pc.is_finite(selected["value"]))
        names = zip(*(batch[column].to_pylist() for column in _NAMING), strict=True)
        ids = pa.array([series_id(*name) for name in names], pa.string())
        columns = [ids if name == "series_id" else batch[name].cast(schema.field(name).type) for name in schema.names]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


@lru_cache(maxsize=65536)
def series_id(family: str, metric: str, grain: str, tenant_id: str | None, entity: str, labels: str) -> str:
    """The name of a series, which stays the same for ever."""
    text = json.dumps([family, metric, grain, tenant_id, entity, labels])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class StoredSeries:
    """A series as it is stored, with what its last row says of it."""

    facts: Mapping[str, Any]
    series: Series


def stored_series(batches: Iterator[pa.RecordBatch]) -> Iterator[StoredSeries]:
    """The series of rows that come in order of series and bucket, one at a time."""
    parts: list[pa.RecordBatch] = []
    for batch in batches:
        ids = batch["series_id"]
        changes = pc.not_equal(ids.slice(1), ids.slice(0, max(len(ids) - 1, 0)))
        starts = [0, *(np.flatnonzero(changes.to_numpy(zero_copy_only=False)) + 1).tolist(), batch.num_rows]
        for first, after in pairwise(starts):
            part = batch.slice(first, after - first)
            if parts and parts[-1]["series_id"][0] != part["series_id"][0]:
                yield _stored(parts)
                parts = []
            parts.append(part)
    if parts:
        yield _stored(parts)


def _stored(parts: list[pa.RecordBatch]) -> StoredSeries:
    rows = pa.Table.from_batches(parts)
    facts = {name: value for name, value in rows.slice(rows.num_rows - 1).to_pylist()[0].items() if name not in _POINTS}
    key = SeriesKey(
        facts["tenant_id"] or "",
        facts["family"],
        facts["entity"],
        facts["metric"],
        tuple(sorted(json.loads(facts["series_labels"] or "{}").items())),
    )
    times = rows["bucket"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    values, weights = (rows[name].cast(pa.float64()).to_numpy() for name in ("value", "weight"))
    return StoredSeries(facts, Series.of(key, GRAINS.get(facts["grain"], DAY), times, values, weights))


def filled(series: Series, days: Integers, forget_after: int) -> Series:
    """A series whose absence means 0, with a 0 for each missing bucket of the days on which anything was measured.

    Nothing is known before its first point; and when none came for some time, it has ended.
    """
    steps = np.arange(0, DAY, series.grain, dtype=np.int64)
    buckets = (days[:, None] + steps).ravel()
    last = np.searchsorted(series.times, buckets, side="right") - 1
    is_known = (last >= 0) & (buckets - series.times[np.maximum(last, 0)] < forget_after)
    times = np.union1d(series.times, buckets[is_known])
    values, weights = np.zeros(len(times)), np.zeros(len(times))
    places = np.searchsorted(times, series.times)
    values[places], weights[places] = series.values, series.weights
    return Series.of(series.key, series.grain, times, values, weights)
