"""What is usual at this time of the day and of the week, learned point by point from the cycles before."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics_etl.signals.anomalies.state import State, cycle_of, slots_of
from analytics_etl.signals.series import DAY, HOUR, Booleans, Floats, Integers

SHARE = 0.2
"""Of a new cycle in the mean of a slot; the first cycles count the same."""
FAR, MOST_UNLIMITED = 4.0, 2
"""So many mean distances away a value counts in full, after as many cycles: no anomaly is expected again next day."""
WEEKS = 2
"""An hour of the week is known after as many."""


def learn_season(state: State, times: Integers, values: Floats, is_learned: Booleans) -> tuple[Floats, State]:
    """Expected value of each point by its season alone, NaN in the first cycle; and the state that has learned them."""
    profile = _Means(state.profile.copy(), state.profile_counts.copy(), state.profile_spreads.copy())
    weekly = _Means(state.weekly.copy(), state.weekly_counts.copy(), state.weekly_spreads.copy())
    week = _Week(weekly, state.open_hour.copy())
    cycle, number = cycle_of(state.grain), slots_of(state.grain)
    slots, hours = (times % cycle) * number // cycle, times // HOUR
    expected = np.empty(len(times))
    for part in _segments(times * number // cycle, hours if cycle == DAY else times // cycle):
        slot, learned = slots[part], is_learned[part]
        usual = profile.means[slot]
        expected[part] = usual
        if cycle == DAY:
            expected[part] += week.usual(int(hours[part.start]), profile.means)
            week.learn(values[part][learned])
        profile.learn(slot[learned], values[part][learned])
    return expected, replace(
        state,
        profile=profile.means,
        profile_counts=profile.counts,
        profile_spreads=profile.spreads,
        weekly=week.means.means,
        weekly_counts=week.means.counts,
        weekly_spreads=week.means.spreads,
        open_hour=week.open_hour,
    )


class _Means:
    """A mean for each slot, of which the last cycles count most. What is far away moves it little."""

    def __init__(self, means: Floats, counts: Floats, spreads: Floats) -> None:
        self.means, self.counts, self.spreads = means, counts, spreads

    def learn(self, slots: Integers, values: Floats) -> None:
        """Take one value for each of different slots."""
        if len(slots) == 1:
            self.learn_one(int(slots[0]), float(values[0]))
            return
        counts = self.counts[slots] + 1
        share = np.maximum(SHARE, 1 / counts)
        spreads = self.spreads[slots]
        away = np.where(counts > 1, values - self.means[slots], 0.0)
        most = np.where((counts > MOST_UNLIMITED) & (spreads > 0), FAR * spreads, np.inf)
        step = np.minimum(np.maximum(away, -most), most)
        self.means[slots] = np.where(counts > 1, self.means[slots] + share * step, values)
        self.spreads[slots] = spreads + share * (np.abs(step) - spreads)
        self.counts[slots] = counts

    def learn_one(self, slot: int, value: float) -> None:
        """The same for one value, to the bit: arrays of one number take ten times as long."""
        count, mean, spread = float(self.counts[slot]) + 1, float(self.means[slot]), float(self.spreads[slot])
        share = max(SHARE, 1 / count)
        away = value - mean if count > 1 else 0.0
        most = FAR * spread if count > MOST_UNLIMITED and spread > 0 else math.inf
        step = min(max(away, -most), most)
        self.means[slot] = mean + share * step if count > 1 else value
        self.spreads[slot] = spread + share * (abs(step) - spread)
        self.counts[slot] = count


class _Week:
    """The mean of each hour of the week. An hour is learned when the next one begins."""

    def __init__(self, means: _Means, open_hour: Floats) -> None:
        self.means, self.open_hour = means, open_hour

    def usual(self, hour: int, profile: Floats) -> float:
        """Begin an hour, or go on with it: by how much it is above what the profile of a day has for it.

        0 as long as too few weeks are known.
        """
        before, total, number, _ = self.open_hour
        if before != hour:
            if number:
                self.means.learn_one(int(before) % len(self.means.means), float(total / number))
            slots = len(profile) // 24
            of_hour = profile[hour % 24 * slots :][: max(1, slots)]
            self.open_hour[:] = hour, 0.0, 0.0, _sum(of_hour) / len(of_hour)
        slot = hour % len(self.means.means)
        return float(self.means.means[slot] - self.open_hour[3]) if self.means.counts[slot] >= WEEKS else 0.0

    def learn(self, values: Floats) -> None:
        """Add points of the open hour, one after the other."""
        if len(values) == 1:
            self.open_hour[1] += values[0]
        else:
            self.open_hour[1] = np.add.accumulate(np.append(self.open_hour[1], values))[-1]
        self.open_hour[2] += len(values)


def _sum(values: Floats) -> float:
    """One after the other, so that it is the same on every machine."""
    return float(values[0] if len(values) == 1 else np.add.accumulate(values)[-1])


def _segments(slots: Integers, periods: Integers) -> Iterator[slice]:
    """Stretches within one period in which no slot comes twice."""
    is_new = (np.diff(slots) == 0) | (np.diff(periods) != 0)
    bounds = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(slots)]
    yield from (slice(start, end) for start, end in pairwise(bounds) if end > start)
