"""The aspects in which a point can be unusual, computed of a window that ends with it.

Sums run over the window in a fixed order, so a point has the same bits wherever a series is cut.
"""

import numpy as np

from analytics_etl.signals.anomalies.state import LONG, SHORT
from analytics_etl.signals.series import Floats

ROUNDING = 1e-9


def aspects(values: Floats, residuals: Floats) -> Floats:
    """(aspect, point) in the order of `state.NAMES`; the first LONG - 1 points are for windows only, and left out."""
    signed_root = np.copysign(np.sqrt(np.sqrt(np.abs(values))), values)
    mean, spread = _mean_and_spread(values, LONG)
    now = slice(LONG - 1, None)
    return np.stack(
        [
            values[now],
            residuals[now],
            mean,
            _mean_and_spread(residuals, LONG)[0],
            spread,
            # A factor shows in it as much where values are low: a dip of what is noisy in proportion.
            _mean_and_spread(signed_root, LONG)[1],
            _mean_and_spread(values[LONG - SHORT :], SHORT)[1],
        ]
    )


def _mean_and_spread(values: Floats, length: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each window; NaN if anything in it is."""
    number = len(values) - length + 1
    parts = [values[start : start + number] for start in range(length)]
    mean = sum(parts[1:], parts[0]) / length
    squares = [(part - mean) ** 2 for part in parts]
    spread = np.sqrt(sum(squares[1:], squares[0]) / length)
    return mean, without_rounding(spread, mean)


def without_rounding(numbers: Floats, scale: Floats) -> Floats:
    """0 where a number is nothing but the rounding of what it was computed from."""
    return np.where(np.abs(numbers) < ROUNDING * np.abs(scale), 0.0, numbers)
