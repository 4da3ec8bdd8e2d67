"""Whether a share of few events is beyond a threshold by more than chance: 3 of 20 is no proof of more than a tenth.

By the score interval of Wilson (*Probable inference, the law of succession, and statistical inference*, 1927).
"""

from dataclasses import replace

import numpy as np

from analytics_etl.signals.alerts.rules import Comparison, Rule, Selector, leaves
from analytics_etl.signals.series import Floats, Series

NORMAL_95 = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""


def interval(shares: Floats, numbers: Floats) -> tuple[Floats, Floats]:
    """Both ends of the 95 % interval of shares of so many events; the share itself if nobody knows how many (NaN)."""
    share = np.clip(shares, 0, 1)
    per_event = NORMAL_95**2 / np.where(np.isnan(numbers), np.inf, np.maximum(numbers, 1e-9))
    centre = (share + per_event / 2) / (1 + per_event)
    half = np.sqrt(per_event * (share * (1 - share) + per_event / 4)) / (1 + per_event)
    return centre - half, centre + half


def without_chance(series: Series, rule: Rule, selector: Selector) -> Series:
    """A series of shares in which those count as the threshold that may be beyond it by chance."""
    for leaf in leaves(rule.condition):
        if not isinstance(leaf, Comparison) or leaf.value != selector or leaf.operator not in (">", ">=", "<", "<="):
            continue
        low, high = interval(series.values, series.weights)
        is_above = leaf.operator.startswith(">")
        sign, bound = (1, low) if is_above else (-1, high)
        is_chance = (sign * series.values >= sign * leaf.threshold) & (sign * bound <= sign * leaf.threshold)
        calm = np.nextafter(leaf.threshold, -sign * np.inf)
        series = replace(series, values=np.where(is_chance, calm, series.values))
    return series
