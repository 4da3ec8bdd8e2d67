"""How far a value lies beyond all of the past, in units of the spread of the past's extremes.

The unit is the distance from the greatest to the hundredth greatest value (to the least, if there are fewer): where far
values are usual it is large. Generations forget: what is older than two generations no longer counts.
"""

from bisect import insort
from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics_etl.signals.anomalies.state import LEAST_VALUES, RECENT, State, cycle_of
from analytics_etl.signals.series import Booleans, Floats, Integers

GENERATION = 91
"""Cycles: a quarter of a year, or nearly two years of days."""

OFF_A_FLAT_LINE = 5.0
"""Novelty of any other value if all of the past was the same."""


def learn_extremes(state: State, times: Integers, found: Floats, is_learned: Booleans) -> tuple[Floats, State]:
    """Novelty of each aspect and point, negative below the past; and the state that has learned the points."""
    extremes, recent = state.extremes.copy(), state.recent.copy()
    novelty = np.zeros(found.shape)
    generations = times // (GENERATION * cycle_of(state.grain))
    current = state.seen[3]
    bounds = [0, *(np.flatnonzero(np.diff(generations)) + 1).tolist(), len(times)]
    for start, end in pairwise(bounds if len(times) else []):
        if generations[start] != current:
            if not np.isnan(current):
                extremes = np.full(extremes.shape, -np.inf)
                extremes[..., -RECENT:] = recent
                recent = np.full(recent.shape, -np.inf)
            current = float(generations[start])
        part = slice(start, end)
        for aspect, side in np.ndindex(extremes.shape[:2]):
            values = found[aspect, part] if side == 0 else -found[aspect, part]
            lists = extremes[aspect, side], recent[aspect, side]
            beyond = _exceed(values, is_learned[part], *lists, LEAST_VALUES[aspect])
            novelty[aspect, part] += beyond if side == 0 else -beyond
    seen = state.seen.copy()
    seen[3] = current
    return novelty, replace(state, extremes=extremes, recent=recent, seen=seen)


def _exceed(values: Floats, is_learned: Booleans, extremes: Floats, recent: Floats, least_values: int) -> Floats:
    """Novelty above the past; both lists of extremes learn in place."""
    beyond = np.zeros(len(values))
    lowest_kept = min(extremes[0], recent[0])
    candidates = np.flatnonzero(values > lowest_kept)
    if not len(candidates):
        return beyond
    top, new = extremes.tolist(), recent.tolist()
    for at in candidates.tolist():
        value = float(values[at])
        if value > top[-1] and top[-least_values] > -np.inf:
            lowest = next(x for x in top if x > -np.inf)
            unit = top[-1] - lowest
            beyond[at] = (value - top[-1]) / unit if unit > 0 else OFF_A_FLAT_LINE
        if is_learned[at]:
            if value > top[0]:
                insort(top, value)
                del top[0]
            if value > new[0]:
                insort(new, value)
                del new[0]
    extremes[:], recent[:] = top, new
    return beyond
