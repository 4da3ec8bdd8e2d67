"""Exponential smoothing of many columns with many parameters at once: simple, Holt's trend, damped trend, theta.

Every column is smoothed with every set of parameters of a grid. At the end of a column the set with the least squared
one-step errors is taken. Formulas: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 8.1, 8.2
and 8.5 (error correction form); theta: Hyndman and Billah, Unmasking the Theta method, 2003, equation (5).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics_etl.signals.forecasting.seasons import slope_of
from analytics_etl.signals.series import Floats, Integers

Kind = Literal["simple", "holt", "damped", "theta"]
KINDS: tuple[Kind, ...] = ("simple", "holt", "damped", "theta")

_LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
"""alpha, without a trend."""
_TREND_LEVELS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
"""alpha, with a trend."""
_TRENDS = (0.02, 0.1, 0.3)
"""beta / alpha."""
_DAMPINGS = (0.8, 0.9, 0.95, 0.98)
"""phi."""
_GRID = [
    *((alpha, 0.0, 0.0) for alpha in _LEVELS),
    *((a, a * b, phi) for phi in (*_DAMPINGS, 1.0) for a in _TREND_LEVELS for b in _TRENDS),
]
_ALPHA, _BETA, _PHI = np.array(_GRID).T
_ALLOWED = {"simple": _PHI == 0, "theta": _PHI == 0, "holt": _PHI == 1, "damped": (_PHI > 0) & (_PHI < 1)}
_START = 10
"""Buckets whose straight line gives the first level and trend."""


@dataclass(frozen=True)
class Smoothed:
    """The states of each column at its end (column, set of parameters)."""

    level: Floats
    trend: Floats
    errors: Floats
    """Sum of the squared one-step errors."""
    slope: Floats
    """Of the straight line through each column."""
    lengths: Integers

    def ahead(self, kind: Kind, horizon: int) -> Floats:
        """(column, step): the forecasts by one kind of smoothing."""
        chosen = np.where(_ALLOWED[kind], self.errors, np.inf).argmin(axis=1)
        rows = np.arange(len(chosen))
        level, trend, phi = self.level[rows, chosen], self.trend[rows, chosen], _PHI[chosen]
        steps = np.arange(1, horizon + 1)
        if kind == "theta":
            alpha = _ALPHA[chosen][:, None]
            drift = steps - 1 + (1 - (1 - alpha) ** self.lengths[:, None]) / alpha
            return np.asarray(level[:, None] + self.slope[:, None] / 2 * drift)
        return np.asarray(level[:, None] + trend[:, None] * np.cumsum(phi[:, None] ** steps, axis=1))


def smooth(columns: Floats, lengths: Integers) -> Smoothed:
    """Smooth the columns of a matrix (time, column), each up to its length."""
    level, trend, slope = _starts(columns, lengths)
    errors = np.zeros_like(level)
    kept = np.zeros((3, *level.shape))
    ends = {int(end): np.flatnonzero(lengths == end) for end in np.unique(lengths)}
    for at, now in enumerate(columns):
        expected = level + _PHI * trend
        error = now[:, None] - expected
        level = expected + _ALPHA * error
        trend = _PHI * trend + _BETA * error
        errors += error * error
        if (done := ends.get(at + 1)) is not None:
            for store, state in zip(kept, (level, trend, errors), strict=True):
                store[done] = state[done]
    return Smoothed(kept[0], kept[1], kept[2], slope, lengths)


def _starts(columns: Floats, lengths: Integers) -> tuple[Floats, Floats, Floats]:
    """(level before the first bucket, its trend; slope of the whole line) of each column."""
    slopes, first_slopes, means = (
        np.array([number(columns[:length, at]) for at, length in enumerate(lengths)])
        for number in (slope_of, lambda column: slope_of(column[:_START]), lambda column: column[:_START].mean())
    )
    middles = (np.minimum(lengths, _START) + 1) / 2
    level = np.repeat((means - first_slopes * middles)[:, None], len(_GRID), axis=1)
    trend = np.where(_PHI == 0, 0.0, first_slopes[:, None])
    level = np.where(_PHI == 0, means[:, None], level)
    return level, trend, slopes
