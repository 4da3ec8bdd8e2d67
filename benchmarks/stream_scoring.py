"""How well scores find labelled windows, early and without false alarms: the scoring of Lavin and Ahmad (2015).

"Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", section II: the first detection in a
window earns sigma(y) / sigma(-1), where y runs from -1 at the window's beginning to 0 at its end; a window without one
costs 1; a detection outside costs 0.11 times sigma(y), where y is the distance from the end of the window before in
units of its length, at most 3, and sigma(y) = 2 / (1 + e^(5 y)) - 1. The first 15 % of a series, at most 750 points,
count for nothing. The sum is scaled so that silence is 0 and perfection 100.
"""

from collections.abc import Iterable

import numpy as np

from analytics_etl.signals.series import Floats
from benchmarks.labelled_series import Label

COST_OF_FALSE_ALARM = 0.11
FAR = 3.0
"""Lengths of a window behind it."""
PROBATION, LONGEST_PROBATION = 0.15, 750


def sigma(position: Floats) -> Floats:
    return np.asarray(2 / (1 + np.exp(5 * position)) - 1)


class Sweep:
    """Scores of many series, judged at one threshold for all or at every one."""

    def __init__(self) -> None:
        self.scores: list[Floats] = []
        self.gains: list[Floats] = []
        self.windows: list[Floats] = []
        self.number_of_windows = 0

    def add(self, scores: Floats, labels: Iterable[Label]) -> None:
        """Take the scores of a series with its windows, in order of time."""
        number = len(scores)
        gain = np.full(number, -COST_OF_FALSE_ALARM)
        window = np.full(number, -1.0)
        for label in labels:
            width = label.end - label.first
            beyond = np.minimum(FAR, (np.arange(number - label.end) + 1) / max(1, width - 1))
            gain[label.end :] = COST_OF_FALSE_ALARM * np.where(beyond < FAR, sigma(beyond), -1.0)
            inside = -(width - np.arange(width)) / width
            gain[label.first : label.end] = sigma(inside) / sigma(np.array(-1.0))
            window[label.first : label.end] = self.number_of_windows
            self.number_of_windows += 1
        kept = slice(int(min(PROBATION * number, LONGEST_PROBATION)), None)
        self.scores.append(scores[kept])
        self.gains.append(gain[kept])
        self.windows.append(window[kept])

    def at(self, threshold: float) -> float:
        """The result at a threshold: 0 is silence, 100 perfection."""
        return next(iter(self.at_each(np.array([threshold]))))

    def at_each(self, thresholds: Floats) -> list[float]:
        """The result at each threshold."""
        scores, gains, windows = (np.concatenate(part) for part in (self.scores, self.gains, self.windows))
        total = max(1, len(np.unique(windows[windows >= 0])))
        results = []
        for threshold in thresholds:
            is_found = scores >= threshold
            inside = is_found & (windows >= 0)
            best = np.full(self.number_of_windows, -np.inf)
            np.maximum.at(best, windows[inside].astype(int), gains[inside])
            found = best[np.isfinite(best)]
            raw = found.sum() - (total - len(found)) + gains[is_found & (windows < 0)].sum()
            results.append(float(100 * (raw + total) / (2 * total)))
        return results

    def best(self) -> tuple[float, float]:
        """The best result over all thresholds, and its threshold."""
        scores = np.concatenate(self.scores)
        shares = np.concatenate([np.geomspace(1e-5, 0.2, 80), np.linspace(0.21, 1, 80)])
        thresholds = np.unique(np.quantile(scores[scores > 0], 1 - shares))
        results = self.at_each(thresholds)
        where = int(np.argmax(results))
        return results[where], float(thresholds[where])
