"""The seasons of a series: which ones it may have, which ones it has, and what is left without them."""

from collections.abc import Sequence

import numpy as np

from analytics_etl.signals.series import DAY, WEEK, Floats

FEWEST_CYCLES = 2.5
"""A season is looked for in at least so many cycles."""
HALF_LIFE_CYCLES = 4.0
"""A cycle counts half as much as one so many cycles later: seasons change."""
_SMOOTHED = 100
"""The effects of a season of so many phases, and of longer ones, are smoothed: each phase was seen a few times only."""
_CRITICAL = 1.645
"""Of the standard normal distribution: the test's level is 90 %, as in the M4 competition."""


def seasons_of(grain: int) -> tuple[int, ...]:
    """The lengths of the seasons that a grain may have, in buckets, the shortest first.

    Minutes and hours: day and week. Days: week. Weeks: 52. Months: 12. Quarters: 4. Anything longer: none.
    """
    if grain < DAY:
        return tuple(cycle // grain for cycle in (DAY, WEEK) if cycle % grain == 0)
    if grain == DAY:
        return (7,)
    for longest, season in ((WEEK, 52), (31 * DAY, 12), (92 * DAY, 4)):
        if WEEK <= grain <= longest:
            return (season,)
    return ()


def has_season(values: Floats, season: int) -> bool:
    """Whether the autocorrelation at the lag of the season is beyond what chance would make it.

    The test of the benchmarks of the M4 competition: r_m > 1.645 sqrt((1 + 2 sum of r_i^2, i < m) / n).
    """
    count = len(values)
    centred = values - line_of(values)
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    products = np.fft.irfft(spectrum * spectrum.conj(), size)[: season + 1]
    if products[0] <= 0:
        return False
    correlations = products / products[0]
    limit = _CRITICAL * np.sqrt((1 + 2 * (correlations[1:season] ** 2).sum()) / count)
    return bool(correlations[season] > limit)


def deseasonalised(values: Floats, seasons: Sequence[int], horizon: int) -> tuple[Floats, Floats]:
    """(values without seasons, the seasons' effect on the next `horizon` buckets).

    Classical additive decomposition, one season after the other: what is above the centred moving average, as the mean
    of each phase. Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 3.4. Of logarithms this
    is the multiplicative decomposition.
    """
    count = len(values)
    rest, ahead = values, np.zeros(horizon)
    for season in seasons:
        if count >= 2 * season:
            effect = _effects(rest - trend_of(rest, season), season)
            phases = np.arange(count + horizon) % season
            rest = rest - effect[phases[:count]]
            ahead = ahead + effect[phases[count:]]
    return rest, ahead


def trend_of(values: Floats, window: int) -> Floats:
    """The centred moving average (2 x m for an even window); beyond its ends, the line through its last values."""
    count, half = len(values), window // 2
    if count < 2 * half + 2:
        return line_of(values)
    sums = np.cumsum(np.r_[0.0, values])
    middle = (sums[window:] - sums[:-window]) / window
    if window % 2 == 0:
        middle = (middle[1:] + middle[:-1]) / 2
    span = min(len(middle) - 1, window)
    before, after = (middle[span] - middle[0]) / span, (middle[-1] - middle[-1 - span]) / span
    steps = np.arange(1, half + 1)
    return np.asarray(np.r_[middle[0] - before * steps[::-1], middle, middle[-1] + after * steps])


def line_of(values: Floats) -> Floats:
    """The straight line of least squares."""
    at = np.arange(len(values)) - (len(values) - 1) / 2
    return np.asarray(values.mean() + slope_of(values) * at)


def slope_of(values: Floats) -> float:
    """The slope of the straight line of least squares."""
    at = np.arange(len(values)) - (len(values) - 1) / 2
    return float(at @ values / (at @ at)) if len(values) > 1 else 0.0


def _effects(values: Floats, season: int) -> Floats:
    """The mean of each phase, for many phases with a triangular window over its neighbours; they sum to 0."""
    phases = np.arange(len(values)) % season
    ages = (len(values) - 1 - np.arange(len(values))) // season
    weights = 0.5 ** (ages / HALF_LIFE_CYCLES)
    means = np.bincount(phases, weights * values, season) / np.bincount(phases, weights, season)
    half = season // _SMOOTHED
    window = np.r_[np.arange(1, half + 2), np.arange(half, 0, -1)] / (half + 1) ** 2
    around = np.arange(-half, season + half) % season
    return np.asarray(np.convolve(means[around], window, "valid") - means.mean())
