"""The forecasts of a series by every method, from several ends of the series at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from analytics_etl.signals.forecasting.regression import autoregressions
from analytics_etl.signals.forecasting.seasons import deseasonalised
from analytics_etl.signals.forecasting.smoothing import KINDS, smooth
from analytics_etl.signals.series import Floats, Integers

_MOST_SMOOTHED = 1500
"""Buckets; what lies before them has no weight left."""
_MEAN_CYCLES = 4
_MEDIAN_OF = 28
_LARGEST_LOG = 50.0
"""Values are about 1: a logarithm beyond this is a trend that runs away."""

Found = Iterator[tuple[str, Floats]]


def forecasts(values: Floats, ends: Integers, seasons: Sequence[int], horizon: int) -> dict[str, Floats]:
    """{method: (end, step)}. `values` are finite and of about 1; nothing behind an end is read for it.

    A name says the method, `log` if it is of logarithms, and the seasons that were taken out: `log damped 24+168`.
    """
    found = dict(_simple(values, ends, seasons, horizon))
    transforms = {"": values}
    if values.min() > 0:
        transforms["log "] = np.log(values)
    for transform, given in transforms.items():
        for name, ahead in (*_smoothed(given, ends, seasons, horizon), *_regressed(given, ends, seasons, horizon)):
            found[transform + name] = np.exp(np.clip(ahead, -_LARGEST_LOG, _LARGEST_LOG)) if transform else ahead
    return found


def _simple(values: Floats, ends: Integers, seasons: Sequence[int], horizon: int) -> Found:
    """Hyndman and Athanasopoulos, 5.2: the last value, the line through the first and the last, the last cycles; and
    the median of the last values, which neither bursts nor many zeros move.
    """
    last = values[ends - 1][:, None]
    yield "naive", np.repeat(last, horizon, axis=1)
    yield "drift", last + (last - values[0]) / np.maximum(ends - 1, 1)[:, None] * np.arange(1, horizon + 1)
    medians = np.array([np.median(values[max(0, end - _MEDIAN_OF) : end]) for end in ends])
    yield "median", np.repeat(medians[:, None], horizon, axis=1)
    for season in seasons:
        phases = ends[:, None] - season + np.arange(horizon) % season
        cycles = min(_MEAN_CYCLES, int(ends.min()) // season)
        if cycles >= 1:
            yield f"seasonal naive {season}", values[phases]
        if cycles > 2:  # noqa: PLR2004  # of two cycles it would say little else than the last one
            yield f"seasonal mean {season}", np.mean([values[phases - season * n] for n in range(cycles)], axis=0)


def _smoothed(values: Floats, ends: Integers, seasons: Sequence[int], horizon: int) -> Found:
    """Smoothing of what is left without no season, the shortest one, the two shortest ones, and so on."""
    variants = [tuple(seasons[:number]) for number in range(len(seasons) + 1)]
    parts = [deseasonalised(values[:end], taken, horizon) for taken in variants for end in ends]
    columns = [rest[-_MOST_SMOOTHED:] for rest, _ in parts]
    lengths = np.array([len(column) for column in columns])
    padded = np.column_stack([np.pad(column, (0, lengths.max() - len(column))) for column in columns])
    states = smooth(padded, lengths)
    effects = np.array([ahead for _, ahead in parts])
    for kind in KINDS:
        ahead = (states.ahead(kind, horizon) + effects).reshape(len(variants), len(ends), horizon)
        for taken, one in zip(variants, ahead, strict=True):
            yield f"{kind} {'+'.join(map(str, taken))}".strip(), one


def _regressed(values: Floats, ends: Integers, seasons: Sequence[int], horizon: int) -> Found:
    found = autoregressions(values, ends, seasons, horizon)
    if found is not None:
        yield "autoregression", found
