"""What a method says of each point of a series: how unusual it is, in what, and what was expected."""

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np

from analytics_etl.signals.anomalies.state import NAMES
from analytics_etl.signals.series import Booleans, Floats, Integers

ASPECTS = (*NAMES, "gap")
VALUE, SEASONAL, MEAN, SEASONAL_MEAN, SPREAD, ROOT_SPREAD, SHORT_SPREAD, GAP = range(len(ASPECTS))
LEAST_DEVIATION = 2.0
"""In robust standard deviations: the half width of the interval."""


class Figures(NamedTuple):
    """What each point is in its aspect, and what was expected; NaN if nothing is known yet."""

    current: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    deviation: Floats
    """Signed, in robust standard deviations; infinite off a flat line. Of a gap: in longest gaps before."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One entry for each point of a series; of a value that is missing, the score is 0 and the figures are NaN."""

    score: Floats
    """From 0 to 1."""
    begins: Booleans
    """Whether an anomaly begins here: the point is an alarm, and none came shortly before."""
    aspect: Integers
    """Number in ASPECTS of what is most unusual."""
    current: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    deviation: Floats
    seen: Integers
    """Points learned before this one."""
    is_quiet: Booleans
    """Maintenance or a holiday: no news, whatever comes."""

    def at(self, places: Booleans) -> Self:
        """Put the entries to the marked places among more points, which are of values that are missing."""
        if places.all():
            return self
        entries = {}
        for field in fields(self):
            known = getattr(self, field.name)
            nothing = np.nan if field.name in Figures._fields else 0
            entries[field.name] = np.full(len(places), nothing, known.dtype)
            entries[field.name][places] = known
        return type(self)(**entries)


def figures_of_values(values: Floats, expected: Floats, spread: Floats) -> Figures:
    """The figures of values as they are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where((spread == 0) & (values == expected), 0.0, (values - expected) / spread)
    half = LEAST_DEVIATION * spread
    return Figures(values, expected, expected - half, expected + half, deviation)


def figures_of(aspect: Integers, found: Floats, centres: Floats, spreads: Floats) -> Figures:
    """The figures of each point in its aspect (aspect, point): seasonal ones and roots in terms of the series."""
    points = np.arange(len(aspect))
    figures = figures_of_values(found[aspect, points], centres[aspect, points], spreads[aspect, points])
    current = np.select([aspect == SEASONAL, aspect == SEASONAL_MEAN], [found[VALUE], found[MEAN]], figures.current)
    limits = np.stack(figures[:-1]) + (current - figures.current)
    powers = np.square(np.square(np.maximum(limits, 0)))
    current, expected, lower, upper = np.where(aspect == ROOT_SPREAD, powers, limits)
    lower = np.where(aspect >= SPREAD, np.maximum(lower, 0), lower)  # neither spreads nor gaps are negative
    return Figures(current, expected, lower, upper, figures.deviation)
