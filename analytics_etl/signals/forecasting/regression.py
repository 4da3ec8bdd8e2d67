"""Ridge regression of a value on its own past: one linear autoregression, applied step by step.

Hoerl and Kennard, Ridge Regression, 1970: w = (X'X + kI)^-1 X'y, of standardised values, the constant without penalty.
"""

from collections.abc import Sequence

import numpy as np

from analytics_etl.signals.series import Floats, Integers

_MOST_ROWS = 2000
_PENALTY = 0.02
"""k, as a share of the number of rows."""
_FEWEST_ROWS = 8
"""Beside two for each coefficient."""


def autoregressions(values: Floats, ends: Integers, seasons: Sequence[int], horizon: int) -> Floats | None:
    """(end, step): forecasts from each end of a training part; None if the shortest part is too short."""
    lags = _lags(seasons, int(ends.min()))
    return np.array([autoregression(values[:end], lags, horizon) for end in ends]) if lags else None


def autoregression(values: Floats, lags: Sequence[int], horizon: int) -> Floats:
    """Regress on the values some lags ago, in ascending order. Forecasts go beyond the past by its range at most."""
    mean, spread = values.mean(), values.std()
    if spread == 0:
        return np.full(horizon, mean)
    past = (values - mean) / spread
    first = max(lags[-1], len(past) - _MOST_ROWS)
    known = np.column_stack([*(past[first - lag : len(past) - lag] for lag in lags), np.ones(len(past) - first)])
    penalty = np.full(len(lags) + 1, _PENALTY * len(known))
    penalty[-1] = 0
    weights = np.linalg.solve(known.T @ known + np.diag(penalty), known.T @ past[first:])
    low, high = float(past.min()), float(past.max())
    low, high = low - (high - low), high + (high - low)
    extended, back = np.r_[past, np.zeros(horizon)], np.array(lags)
    for at in range(len(past), len(extended)):
        extended[at] = min(max(float(extended[at - back] @ weights[:-1] + weights[-1]), low), high)
    return np.asarray(extended[len(past) :] * spread + mean)


def _lags(seasons: Sequence[int], count: int) -> list[int]:
    """The last three buckets and those around a season ago, as far as the series can bear them."""
    wanted = {1, 2, 3}
    for season in seasons:
        wanted |= {season - 1, season, season + 1, 2 * season}
    return sorted(lag for lag in wanted if lag > 0 and count - lag >= 2 * len(wanted) + _FEWEST_ROWS)
