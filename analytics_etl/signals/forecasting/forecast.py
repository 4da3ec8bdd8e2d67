"""Forecasts: `predict` of bare values, `forecast` of a series."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from analytics_etl.signals.forecasting.combining import combine, ends_of, method_of
from analytics_etl.signals.forecasting.intervals import LEVELS, coverage, half_widths, unrest_at
from analytics_etl.signals.forecasting.methods import forecasts
from analytics_etl.signals.forecasting.seasons import FEWEST_CYCLES, has_season, seasons_of
from analytics_etl.signals.series import DAY, MINUTE, Floats, Series, SeriesKey

FEWEST_POINTS = 20
_MOST_POINTS = 3000
"""Buckets that are read of a long series, unless three cycles of its longest season are more."""
_LARGEST = np.finfo(np.float64).max * 0.999
"""Forecasts end here; larger numbers would round to infinity."""


class Domain(Enum):
    """The values that a metric may have: (lowest, highest)."""

    ANY = (-np.inf, np.inf)
    COUNT = (0.0, np.inf)
    RATIO = (0.0, 1.0)
    PERCENT = (0.0, 100.0)


@dataclass(frozen=True)
class Prediction:
    """The next values of a series. Arrays have one entry for each step."""

    values: Floats
    lower_80: Floats
    upper_80: Floats
    lower_95: Floats
    upper_95: Floats
    confidence: float | None
    """The share of recent actuals within the 80 % intervals of backtests; None if there are too few."""
    method: str
    """The methods that weigh most, with their weights."""


@dataclass(frozen=True)
class ForecastRow:
    """The forecast of one bucket of a series; or, without a method, the reason why there is none."""

    key: SeriesKey
    grain: int
    made_at: int
    """End of the last bucket that was read, in microseconds. Nothing later is known."""
    steps: int
    bucket: int
    """Start of the bucket that is forecast."""
    predicted: float | None = None
    lower_80: float | None = None
    upper_80: float | None = None
    lower_95: float | None = None
    upper_95: float | None = None
    confidence: float | None = None
    method: str | None = None
    reason: str | None = None


def standard_horizons(grain: int) -> tuple[int, ...]:
    """Steps: 5 min, 15 min and 1 h of minutes; the next day and the day a week from now of days; else the next."""
    if grain < DAY:
        return tuple(minutes * MINUTE // grain for minutes in (5, 15, 60) if minutes * MINUTE % grain == 0) or (1,)
    return (1, 7) if grain == DAY else (1,)


def forecast(
    series: Series, horizons: Sequence[int], domain: Domain = Domain.ANY, fewest: int = FEWEST_POINTS
) -> list[ForecastRow]:
    """Forecast a series at some numbers of steps after its last finite value."""
    steps = sorted(set(horizons))
    if not steps or steps[0] < 1:
        raise ValueError(f"Expected horizons of 1 step or more, but came {list(horizons)}.")
    finite = series.values[np.isfinite(series.values)]
    times = series.times[np.isfinite(series.values)] if len(finite) else series.times
    last = int(times[-1]) if len(times) else 0
    rows = [ForecastRow(series.key, series.grain, last + series.grain, n, last + n * series.grain) for n in steps]
    if len(finite) < fewest:
        reason = f"{len(finite)} points; a forecast needs {fewest}"
        return [replace(row, reason=reason) for row in rows]
    if finite.min() == finite.max():
        reason = f"all {len(finite)} points are {finite[0]:g}; a forecast needs some variance"
        return [replace(row, reason=reason) for row in rows]
    found = predict(regular(series), steps[-1], seasons_of(series.grain), domain)
    return [_filled_in(row, found) for row in rows]


def predict(values: ArrayLike, horizon: int, seasons: Sequence[int] = (), domain: Domain = Domain.ANY) -> Prediction:
    """Forecast the next `horizon` values of regular ones, of which there is at least one. What is not finite is a gap.

    `seasons` are the lengths that are possible, in ascending order. Long series are read from their end.
    """
    scaled, scale = _scaled(np.asarray(values, np.float64))
    possible = [season for season in seasons if season > 1 and len(scaled) >= FEWEST_CYCLES * season]
    scaled = scaled[-max(_MOST_POINTS, 3 * max(possible, default=0)) :]
    if len(scaled) < 3 or scaled.min() == scaled.max():  # noqa: PLR2004  # nothing to weigh methods by
        spread = np.full(horizon, np.ptp(scaled))
        ahead = np.full(horizon, scaled[-1])
        return _prediction(ahead, [spread, 2 * spread], scale, domain, None, "naive 100%")
    ends = ends_of(len(scaled), horizon, min(possible, default=1))
    is_seasonal = any(has_season(scaled, season) for season in possible)
    found = combine(scaled, ends, forecasts(scaled, ends, possible, horizon), is_seasonal=is_seasonal)
    stretch = int(ends[-1] - ends[0])
    if stretch:
        unrest = unrest_at(scaled, ends)
        halves = [half_widths(found.residuals, stretch, level, unrest) for level in LEVELS]
        confidence = coverage(found.residuals, stretch, unrest)
    else:
        step = np.abs(np.diff(scaled)).mean() * np.sqrt(np.arange(1, horizon + 1))
        halves, confidence = [2 * step, 4 * step], None
    return _prediction(found.ahead, halves, scale, domain, confidence, method_of(found.weights))


def regular(series: Series) -> Floats:
    """The values at every bucket from the first to the last finite one; what is missing is NaN.

    Months and quarters have no fixed length: the number of buckets between two times is rounded.
    """
    is_finite = np.isfinite(series.values)
    if not is_finite.any():
        return np.zeros(0)
    steps = np.maximum(np.rint(np.diff(series.times[is_finite]) / series.grain), 1).astype(np.int64)
    places = np.r_[0, np.cumsum(steps)]
    values = np.full(places[-1] + 1, np.nan)
    values[places] = series.values[is_finite]
    return values


def _scaled(values: Floats) -> tuple[Floats, float]:
    """(the values with straight lines over the gaps, divided so that the largest is 1; what they were divided by)."""
    places = np.flatnonzero(np.isfinite(values))
    if not len(places):
        raise ValueError(f"Expected at least one finite value, but came {len(values)} others.")
    known = values[places]
    scale = float(np.abs(known).max()) or 1.0
    return np.interp(np.arange(places[0], places[-1] + 1), places, known / scale), scale


def _prediction(
    ahead: Floats, halves: Sequence[Floats], scale: float, domain: Domain, confidence: float | None, method: str
) -> Prediction:
    """The prediction in the units of the series, within its domain."""
    low, high = domain.value
    largest = _LARGEST / max(scale, 1.0)
    values, lower_80, upper_80, lower_95, upper_95 = (
        np.clip(np.clip(one, -largest, largest) * scale, low, high)
        for one in (ahead, *(ahead + sign * half for half in halves for sign in (-1, 1)))
    )
    return Prediction(values, lower_80, upper_80, lower_95, upper_95, confidence, method)


def _filled_in(row: ForecastRow, found: Prediction) -> ForecastRow:
    at = row.steps - 1
    return replace(
        row,
        predicted=float(found.values[at]),
        lower_80=float(found.lower_80[at]),
        upper_80=float(found.upper_80[at]),
        lower_95=float(found.lower_95[at]),
        upper_95=float(found.upper_95[at]),
        confidence=found.confidence,
        method=found.method,
    )
