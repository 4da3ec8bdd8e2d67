"""Centre and spread of each aspect: median and median absolute deviation of a sample of the last two cycles or more."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics_etl.signals.anomalies.state import LEAST, NAMES, SAMPLE, State, slots_of
from analytics_etl.signals.series import Booleans, Floats

NORMAL = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""
NORMAL_MEAN = 1.2533
"""The same in mean absolute deviations, which are 0 for a constant only."""
MOST_BETWEEN = 32


def learn_baseline(
    state: State, found: Floats, is_learned: Booleans, is_wanted: Booleans
) -> tuple[Floats, Floats, State]:
    """Centre and spread (aspect, point) as known before each point, and the state that has learned the points.

    They are right for the points that are wanted, which costs most; those of others may be older.
    """
    centres, spreads = np.empty(found.shape), np.empty(found.shape)
    sample = _Sample(state)
    at, number = 0, found.shape[1]
    learned = np.flatnonzero(is_learned)
    chunks = _chunks(int(state.seen[0]), len(learned), slots_of(state.grain))
    ends = [int(learned[last - 1]) + 1 for _, last in chunks]
    for (first, last), until, then in zip(chunks, ends, [*ends, number][1:], strict=True):
        centres[:, at:until], spreads[:, at:until] = sample.centre[:, None], sample.spread[:, None]
        sample.add(int(state.seen[0]) + first, found[:, learned[first:last]])
        is_last = last >= chunks[-1][0]  # the state has what was due last
        if (is_last or is_wanted[until:then].any()) and is_due(int(state.seen[0]) + last, slots_of(state.grain)):
            sample.take()
        at = until
    if at < number:
        centres[:, at:], spreads[:, at:] = sample.centre[:, None], sample.spread[:, None]
    seen = state.seen.copy()
    seen[0] += len(learned)
    return centres, spreads, replace(state, seen=seen, sample=sample.values, sampling=sample.as_array())


def is_due(count: int, slots: int) -> bool:
    """Whether centre and spread are taken after so many points: at each of the first, later eight times a cycle."""
    return count >= LEAST and count % _step(count, slots) == 0


def _step(count: int, slots: int) -> int:
    return max(1, min(1 << max(0, count.bit_length() - 4), MOST_BETWEEN, slots // 8))


def _chunks(seen: int, number: int, slots: int) -> list[tuple[int, int]]:
    """Ranges of new points that end where centre and spread are due."""
    ends = [count - seen for count in _due_counts(seen, seen + number, slots)]
    bounds = [0, *ends]
    if bounds[-1] < number:
        bounds.append(number)
    return list(pairwise(bounds))


def _due_counts(after: int, until: int, slots: int) -> list[int]:
    due: list[int] = []
    count = after
    while True:
        step = _step(max(count + 1, LEAST), slots)
        count = max((count // step + 1) * step, LEAST)
        if count > until:
            return due
        if is_due(count, slots):
            due.append(count)


class _Sample:
    """Each of the first points, then one of two, one of four, until the sample spans two cycles."""

    def __init__(self, state: State) -> None:
        aspects = len(NAMES)
        self.values = state.sample.copy()
        self.stride, self.number = int(state.sampling[0]), int(state.sampling[1])
        self.centre = state.sampling[2 : 2 + aspects].copy()
        self.spread = state.sampling[2 + aspects :].copy()
        self.is_long = 2 * slots_of(state.grain)

    def as_array(self) -> Floats:
        return np.concatenate([[float(self.stride), float(self.number)], self.centre, self.spread])

    def add(self, seen: int, columns: Floats) -> None:
        """Take what belongs into the sample, of points after the first `seen` ones."""
        for at in range(columns.shape[1]):
            if (seen + at) % self.stride:
                continue
            if self.number == SAMPLE and self.stride * SAMPLE < self.is_long:
                self.values[:, : SAMPLE // 2] = self.values[:, ::2]
                self.values[:, SAMPLE // 2 :] = np.nan
                self.number //= 2
                self.stride *= 2
                if (seen + at) % self.stride:
                    continue
            if self.number == SAMPLE:
                self.values[:, :-1] = self.values[:, 1:]
                self.number -= 1
            self.values[:, self.number] = columns[:, at]
            self.number += 1

    def take(self) -> None:
        """Take centre and spread anew."""
        ordered = np.sort(self.values, axis=1)
        counts = (~np.isnan(ordered)).sum(axis=1)
        self.centre = _median(ordered, counts)
        away = np.abs(ordered - self.centre[:, None])
        spread = NORMAL * _median(np.sort(away, axis=1), counts)
        flat = (spread == 0) & (counts > 0)
        if flat.any():
            mean = np.add.accumulate(np.nan_to_num(away[flat]), axis=1)[:, -1] / counts[flat]
            spread[flat] = NORMAL_MEAN * mean
        self.spread = spread


def _median(ordered: Floats, counts: Floats) -> Floats:
    """Median of each row, whose NaNs are at its end; NaN if it has no numbers."""
    rows = np.arange(len(ordered))
    middle = (ordered[rows, np.maximum(counts - 1, 0) // 2] + ordered[rows, np.maximum(counts, 1) // 2]) / 2
    return np.where(counts >= LEAST // 2, middle, np.nan)
