"""What people know and a series does not: holidays, maintenance, and what they said of earlier anomalies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from analytics_etl.signals.series import DAY, Booleans, Floats, Integers

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Context:
    """Ranges are half-open, in microseconds since 1970 UTC, as the times of a series."""

    maintenance: tuple[tuple[int, int], ...] = ()
    """Neither told nor learned."""
    holidays: frozenset[date] = frozenset()
    """UTC days, likewise."""
    confirmed: tuple[tuple[int, int], ...] = ()
    """Anomalies that people confirmed: told, and not learned."""
    dismissed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(aspect, direction) -> how often people dismissed it for this series: each time halves its weight."""

    def is_quiet(self, times: Integers) -> Booleans:
        """Points in maintenance or on holidays."""
        days = np.array(sorted((day - EPOCH).days for day in self.holidays), np.int64)
        return _within(times, self.maintenance) | np.isin(times // DAY, days)

    def is_confirmed(self, times: Integers) -> Booleans:
        return _within(times, self.confirmed)

    def weigh(self, novelty: Floats, names: tuple[str, ...]) -> Floats:
        """Absolute novelty (aspect, point) without what people dismissed."""
        weighed = np.abs(novelty)
        for (name, direction), times in self.dismissed.items():
            row = names.index(name)
            is_that = novelty[row] > 0 if direction == "up" else novelty[row] < 0
            weighed[row] *= np.where(is_that, 0.5**times, 1.0)
        return weighed


NOTHING_KNOWN = Context()


def _within(times: Integers, ranges: tuple[tuple[int, int], ...]) -> Booleans:
    inside = np.zeros(len(times), np.bool_)
    for start, end in ranges:
        inside |= (times >= start) & (times < end)
    return inside
