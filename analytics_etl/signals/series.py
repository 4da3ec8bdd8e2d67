"""A series: numbers of one metric at regular times. A bucket that is missing is missing, it is not 0.

Times are the starts of buckets in microseconds since 1970-01-01 UTC, as numpy's and Arrow's timestamps hold them.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
WEEK = 7 * DAY
"""In microseconds."""


@dataclass(frozen=True, order=True)
class SeriesKey:
    """What a series is about: labels are (name, value) pairs in order of their names."""

    tenant: str
    family: str
    entity: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Series:
    """Values in order of time, one for a bucket at most. A value that is no finite number counts as missing."""

    key: SeriesKey
    grain: int
    """Length of a bucket in microseconds; a month counts as 30 days."""
    times: Integers
    values: Floats
    weights: Floats = field(repr=False)
    """How much each value rests on, such as the number of requests behind a ratio."""

    def __post_init__(self) -> None:
        if self.grain <= 0:
            raise ValueError(f"The grain of a series is positive, not {self.grain}: {self.key}.")
        shapes = {self.times.shape, self.values.shape, self.weights.shape}
        if len(shapes) > 1 or self.times.ndim != 1:
            raise ValueError(f"Times, values and weights have one length, not {sorted(shapes)}: {self.key}.")
        if (np.diff(self.times) <= 0).any():
            raise ValueError(f"The times of a series ascend, and no bucket comes twice: {self.key}.")

    @classmethod
    def of(
        cls, key: SeriesKey, grain: int, times: ArrayLike, values: ArrayLike, weights: ArrayLike | None = None
    ) -> Self:
        """Make a series of anything that numpy reads; without weights, each value weighs 1."""
        numbers = np.asarray(values, np.float64)
        weighed = np.ones(numbers.shape) if weights is None else np.asarray(weights, np.float64)
        return cls(key, grain, np.asarray(times, np.int64), numbers, weighed)

    def __len__(self) -> int:
        return len(self.times)

    def between(self, start: int, end: int) -> Self:
        """The buckets that start in the half-open range."""
        first, last = np.searchsorted(self.times, [start, end])
        part = slice(int(first), int(last))
        return replace(self, times=self.times[part], values=self.values[part], weights=self.weights[part])
