"""Columns of events as Arrow arrays, from positions and numbers; positions by weight."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]


def weighted(uniform: Shares, weights: Shares) -> Numbers:
    """Positions in `weights`, each as likely as its weight."""
    cumulative = weights.cumsum()
    positions: Numbers = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.minimum(positions, len(weights) - 1, dtype=np.int64)


def codes(codes: Numbers, values: Iterable[str | None], is_null: Flags | None = None) -> pa.Array:
    """Text column: positions in `values`; NULL where a position is negative or `is_null`."""
    mask = codes < 0 if is_null is None else is_null | (codes < 0)
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), pa.array(values, pa.string()))


def objects(codes: Numbers, values: Iterable[Mapping[str, str]]) -> pa.Array:
    """Column of JSON objects: positions in `values`."""
    texts = pa.array([json.dumps(value, separators=(",", ":")) for value in values])
    return pa.ExtensionArray.from_storage(pa.json_(), texts.take(pa.array(codes)))


def integers(values: NDArray[Any], is_null: Flags | None = None) -> pa.Array:
    """Column of whole numbers, cut off at the point; NULL where `is_null`."""
    return pa.array(values.astype(np.int64), mask=is_null)


def timestamps(time: Numbers, is_null: Flags | None = None) -> pa.Array:
    """Column of times, given in microseconds since 1970; NULL where `is_null`."""
    return pa.array(time, mask=is_null).cast(pa.timestamp("us", "UTC"))


def uuids(rng: np.random.Generator, size: int) -> pa.Array:
    """Random version 4 UUIDs as text."""
    octets = np.frombuffer(rng.bytes(16 * size), np.uint8).reshape(size, 16).copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)[octets].view(np.uint8)
    text = np.full((size, 36), ord("-"), np.uint8)
    for hyphens, (start, stop) in enumerate([(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]):
        text[:, start + hyphens : stop + hyphens] = digits[:, start:stop]
    offsets = np.arange(0, 36 * (size + 1), 36, dtype=np.int32)
    return pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(text))
