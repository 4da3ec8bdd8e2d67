"""Intervals around a forecast, from the errors of backtests: split conformal prediction.

Half the width of an interval is a quantile of the absolute errors (Vovk, Gammerman and Shafer, Algorithmic Learning in
a Random World, 2005), which grow with a power of the step that is fitted to them. Errors are taken in units of the
unrest of the series at their time (Papadopoulos, Gammerman and Vovk, Normalized Nonconformity Measures, 2008): a quiet
month says little about a busy one. Errors of neighbouring buckets are no
independent witnesses: the quantile is widened as Student's distribution is. Its degrees of freedom are the effective
number of errors, n (1 - r) / (1 + r) with their autocorrelation r (Bayley and Hammersley, The Effective Number of
Independent Observations in an Autocorrelated Time Series, 1946), or the backtests that fit side by side, if more.
"""

import numpy as np

from analytics_etl.signals.series import Floats, Integers

_GROWTH, _GROWTH_POINTS = 0.4, 4
"""The expected power of the step, and how many steps it weighs."""
_RESTLESS = 30
"""Changes before an end whose mean size is the unrest of the series there."""
_LEAST_UNREST, _MOST_UNREST = 0.25, 4.0
"""Of the mean unrest: a standstill promises no certainty."""
_ROUNDING = 1e-12
"""Errors of that size are none; values are at most 1 here."""
_FREEDOM = np.array([1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, np.inf])
_STUDENT = {
    0.80: np.array([3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.397, 1.372, 1.341, 1.325, 1.310, 1.282]),
    0.95: np.array([12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.306, 2.228, 2.131, 2.086, 2.042, 1.960]),
}
"""Level -> quantiles of Student's distribution, two-sided, for `_FREEDOM`."""
LEVELS = tuple(_STUDENT)


def unrest_at(values: Floats, ends: Integers) -> Floats:
    """(end): how much the series changes from one bucket to the next before each end, in units of the mean of all."""
    sizes = np.r_[0.0, np.cumsum(np.abs(np.diff(values)))]
    first = np.maximum(ends - 1 - _RESTLESS, 0)
    found = (sizes[ends - 1] - sizes[first]) / np.maximum(ends - 1 - first, 1)
    mean = found.mean()
    if mean == 0:
        return np.ones(len(ends))
    return np.asarray(np.clip(found / mean, _LEAST_UNREST, _MOST_UNREST))


def half_widths(residuals: Floats, stretch: int, level: float, unrest: Floats) -> Floats:
    """(step): half the width of the interval that has the actual value with a probability of `level`.

    `residuals` (end, step) may have NaN; `stretch` is the number of buckets that were backtested. `unrest` is that of
    each end, and at last that of the end to forecast from.
    """
    horizon = residuals.shape[1]
    absolute = np.abs(residuals)
    is_known = ~np.isnan(absolute)
    growth = np.arange(1, horizon + 1) ** _power(absolute, is_known)
    scaled = (absolute / growth / unrest[:-1, None])[is_known]
    quantile = np.quantile(scaled, min(1.0, level * (1 + 1 / len(scaled))))
    return np.asarray(quantile * _widening(_freedom(residuals, stretch), level) * growth * unrest[-1])


def coverage(residuals: Floats, stretch: int, unrest: Floats, level: float = 0.80) -> float | None:
    """The share of the actual values within their interval, each interval without the errors of its own backtest."""
    if len(residuals) < 2:  # noqa: PLR2004  # there is no other
        return None
    known, within = 0, 0
    for number, own in enumerate(residuals):
        others = np.delete(residuals, number, axis=0)
        is_known = ~np.isnan(own)
        half = half_widths(others, stretch, level, np.r_[np.delete(unrest[:-1], number), unrest[number]])
        known += int(is_known.sum())
        within += int((np.abs(own[is_known]) <= half[is_known] + _ROUNDING).sum())
    return within / known


def _freedom(residuals: Floats, stretch: int) -> float:
    """The degrees of freedom of the errors of backtests of a stretch."""
    before, after = residuals[:, :-1], residuals[:, 1:]
    is_pair = ~np.isnan(before) & ~np.isnan(after)
    squares = float((before[is_pair] ** 2).sum())
    correlation = float(np.clip((before[is_pair] * after[is_pair]).sum() / squares, 0, 1)) if squares else 0.0
    effective = stretch * (1 - correlation) / (1 + correlation)
    return float(max(effective, stretch / residuals.shape[1]))


def _power(absolute: Floats, is_known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """The slope of log error over log step, drawn towards what is usual, between 0 and 1."""
    counts = is_known.sum(axis=0)
    means = np.where(is_known, absolute, 0.0).sum(axis=0) / np.maximum(counts, 1)
    good = means > 0
    if good.sum() < 3:  # noqa: PLR2004  # a line through two points is no fit
        return _GROWTH
    x, y = np.log(np.flatnonzero(good) + 1), np.log(means[good])
    x, y = x - np.average(x, weights=counts[good]), y - np.average(y, weights=counts[good])
    slope = (counts[good] * x * y).sum() / (counts[good] * x * x).sum()
    number = int(good.sum())
    return float(np.clip((slope * number + _GROWTH * _GROWTH_POINTS) / (number + _GROWTH_POINTS), 0, 1))


def _widening(freedom: float, level: float) -> float:
    """Student's quantile divided by the normal one, between the table's values by their reciprocals."""
    table = _STUDENT[level]
    return float(np.interp(1 / max(freedom, 1.0), 1 / _FREEDOM[::-1], table[::-1]) / table[-1])
