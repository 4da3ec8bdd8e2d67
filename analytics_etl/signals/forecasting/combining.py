"""Backtests of all methods, and the combination of the methods by how well they did.

Each method forecasts from several earlier ends of the series (a rolling origin: Tashman, Out-of-sample tests of
forecasting accuracy, 2000). The better it did the more it weighs (Bates and Granger, The Combination of Forecasts,
1969); of the weighted forecasts of a bucket the middle half is averaged, so that one that runs away does no harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics_etl.signals.series import Floats, Integers

_ENDS = 12
_FEWEST = 8
"""Buckets of the shortest training part, if there are enough."""
_MIDDLE = (0.25, 0.75)
_PRIORS = {"naive": 0.3, "drift": 0.5, "seasonal mean": 0.3, "simple": 0.5, "autoregression": 0.7}
"""Weights of methods that are seldom best, before any backtest; all others have 1."""


@dataclass(frozen=True)
class Combination:
    """The combined forecast of a series, and the errors it would have made before."""

    ahead: Floats
    """(step)."""
    residuals: Floats
    """(end, step): actual minus forecast of each backtest; NaN beyond the series."""
    weights: Mapping[str, float]
    """Method -> weight; they sum to 1, the largest comes first."""


def ends_of(count: int, horizon: int, season: int) -> Integers:
    """The ends of the training parts: some in the last third of the series, or as far back as the horizon needs; then
    the end of the series itself.
    """
    fewest = max(min(_FEWEST, count // 2 + 1), 2 * season + 2 if season > 1 else 0)
    last = count - max(1, horizon // 2)
    first = max(fewest, min(count - 2 * horizon, count * 2 // 3))
    if first >= count:
        return np.array([count])
    return np.unique([*np.linspace(first, max(first, last), _ENDS).astype(int), count])


def combine(
    values: Floats, ends: Integers, forecasts: Mapping[str, Floats], *, is_seasonal: bool
) -> Combination:  # fmt: skip
    """Weigh and combine. If the series is seasonal, methods without a season have no say."""
    names = [name for name in forecasts if not is_seasonal or _knows_seasons(name)]
    stacked = np.array([forecasts[name] for name in names])
    actual = _actual(values, ends[:-1], stacked.shape[2])
    weights = np.array([_prior(name) for name in names])
    if len(ends) > 1:
        errors = _errors(stacked[:, :-1], actual)
        floor = np.finfo(float).eps
        weights = weights * ((errors.min() + floor) / (errors + floor)) ** _sharpness(len(values))
    weights = weights / weights.sum()
    order = np.argsort(-weights, kind="stable")
    combined = _middle(stacked, weights)
    shares = {names[at]: float(weights[at]) for at in order}
    return Combination(combined[-1], actual - combined[:-1], shares)


def _actual(values: Floats, ends: Integers, horizon: int) -> Floats:
    """(end, step): what came; NaN beyond the series."""
    extended = np.r_[values, np.full(horizon, np.nan)]
    return np.asarray(extended[ends[:, None] + np.arange(horizon)])


def _errors(forecast: Floats, actual: Floats) -> Floats:
    """The mean absolute error of each method; a backtest counts with the square root of its length."""
    is_known = ~np.isnan(actual)
    counts = is_known.sum(axis=1)
    absolute = np.where(is_known, np.abs(forecast - actual), 0.0).sum(axis=2) / counts
    return np.asarray(absolute @ np.sqrt(counts) / np.sqrt(counts).sum())


def _sharpness(count: int) -> float:
    """The power of the errors. Few values say little about which method is better."""
    return float(np.clip(count / 80, 2, 8))


def _middle(forecast: Floats, weights: Floats) -> Floats:
    """The mean of the middle half of the weighted forecasts (method, end, step) -> (end, step)."""
    order = np.argsort(forecast, axis=0, kind="stable")
    ordered, share = np.take_along_axis(forecast, order, 0), weights[order]
    upto = np.cumsum(share, axis=0)
    inside = np.clip(upto, *_MIDDLE) - np.clip(upto - share, *_MIDDLE)
    return np.asarray((inside * ordered).sum(axis=0) / inside.sum(axis=0))


def _prior(name: str) -> float:
    return next((weight for start, weight in _PRIORS.items() if name.removeprefix("log ").startswith(start)), 1.0)


def _knows_seasons(name: str) -> bool:
    """Whether the name ends in the seasons that were taken out, or the method has seasonal lags."""
    return name[-1].isdigit() or name.endswith("autoregression")


def method_of(weights: Mapping[str, float], most: int = 3) -> str:
    """The methods that weigh most, as in `damped 7 40 %, theta 7 31 %, 12 more`."""
    shown: Sequence[tuple[str, float]] = list(weights.items())[:most]
    more = [f"{len(weights) - most} more"] if len(weights) > most else []
    return ", ".join([*(f"{name} {weight:.0%}" for name, weight in shown), *more])
