"""Series to detect in."""

from collections.abc import Sequence

import numpy as np

from analytics_etl.signals.series import DAY, Floats, Series, SeriesKey

KEY = SeriesKey("acme", "usage", "api", "requests")


def series_of(values: Sequence[float] | Floats, grain: int = DAY, first: int = 0, key: SeriesKey = KEY) -> Series:
    """One value for each bucket, from bucket number `first` on."""
    return Series.of(key, grain, grain * (first + np.arange(len(values))), values)


def noise(seed: int, number: int) -> Floats:
    return np.random.default_rng(seed).normal(100, 5, number)
