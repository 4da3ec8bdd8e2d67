"""How good forecasts were: MASE, sMAPE and OWA as in the M4 competition, coverage of intervals.

Makridakis, Spiliotis and Assimakopoulos, The M4 Competition, 2020, section 2; Hyndman and Koehler, Another look at
measures of forecast accuracy, 2006. All of them compare actual values with forecasts of the same buckets.
"""

from collections.abc import Sequence

import numpy as np

from analytics_etl.signals.series import Floats


def mase(past: Floats, actual: Floats, forecast: Floats, season: int = 1) -> float:
    """The mean absolute error in units of that of the seasonal naive forecast within the past; NaN if that is 0."""
    lag = season if len(past) > season else 1
    scale = np.abs(past[lag:] - past[:-lag]).mean() if len(past) > lag else 0.0
    return float(np.abs(actual - forecast).mean() / scale) if scale > 0 else np.nan


def smape(actual: Floats, forecast: Floats) -> float:
    """The symmetric mean absolute percentage error, 0 to 200; two zeros have none."""
    size = np.abs(actual) + np.abs(forecast)
    return float((200 * np.abs(actual - forecast) / np.where(size > 0, size, 1)).mean())


def owa(errors: Sequence[tuple[float, float]], benchmark: Sequence[tuple[float, float]]) -> float:
    """The overall weighted average of (MASE, sMAPE) of some series against those of a benchmark: below 1 is better."""
    ratios = np.nanmean(np.array(errors), axis=0) / np.nanmean(np.array(benchmark), axis=0)
    return float(ratios.mean())


def seasonal_naive(past: Floats, horizon: int, season: int = 1) -> Floats:
    """The last cycle again and again."""
    lag = season if len(past) >= season else 1
    return np.asarray(past[len(past) - lag + np.arange(horizon) % lag])


def covered(actual: Floats, lower: Floats, upper: Floats) -> float:
    """The share of the actual values within their interval."""
    return float(((lower <= actual) & (actual <= upper)).mean())
