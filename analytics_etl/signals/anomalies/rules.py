"""Rules that compare each point with the seven days before it: a limit, a multiple of the median, a z-score.

Of long buckets it is the last 30, since seven days of them would be too few.

A score is r / (1 + r), where r is 1 at the limit of the rule: 0.5 at the limit, and more beyond. What people dismissed
does not change a rule: its limit does.
"""

import math
import struct
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from analytics_etl.signals.anomalies.baseline import NORMAL
from analytics_etl.signals.anomalies.context import NOTHING_KNOWN, Context
from analytics_etl.signals.anomalies.scores import VALUE, Scores, figures_of_values
from analytics_etl.signals.anomalies.state import LEAST
from analytics_etl.signals.series import WEEK, Booleans, Floats, Integers, Series

MOST_LONG_BUCKETS = 30
_HEAD = struct.Struct("<16sqqq")


@dataclass(frozen=True)
class Judgement:
    """What a rule says of a point."""

    ratio: float
    """To the limit."""
    expected: float
    spread: float


class Rule(Protocol):
    """Judges a point by the points of the seven days before it, at least ten."""

    @property
    def name(self) -> str:
        """With its version."""

    def judge(self, value: float, past: Floats) -> Judgement:
        """Judge a value."""


@dataclass(frozen=True)
class Limit:
    """Above a fixed limit, such as an error ratio above 10 %."""

    limit: float = 0.1
    name: str = field(default="limit-1", init=False)

    def judge(self, value: float, past: Floats) -> Judgement:
        """Compare the value with the limit; what was expected is the median."""
        return Judgement(max(0.0, value / self.limit), *_median_and_spread(past))


@dataclass(frozen=True)
class AboveMedian:
    """Above a multiple of the median and above a floor, such as a latency that has doubled."""

    floor: float
    factor: float = 2.0
    name: str = field(default="median-1", init=False)

    def judge(self, value: float, past: Floats) -> Judgement:
        """Compare the value with both."""
        median, spread = _median_and_spread(past)
        limit = max(self.factor * median, self.floor)
        ratio = value / limit if limit > 0 else math.inf if value > 0 else 0.0
        return Judgement(max(0.0, ratio), median, spread)


@dataclass(frozen=True)
class ZScore:
    """Away from the mean by more than so many standard deviations."""

    limit: float = 2.0
    name: str = field(default="z-1", init=False)

    def judge(self, value: float, past: Floats) -> Judgement:
        """Take mean and standard deviation of the sample, and the distance in these."""
        numbers = past.tolist()
        mean = math.fsum(numbers) / len(numbers)
        spread = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
        away = abs(value - mean)
        z = away / spread if spread else math.inf if away else 0.0
        return Judgement(z / self.limit, mean, spread)


@dataclass(frozen=True)
class RuleMethod:
    """A rule, applied to each point. An anomaly begins where the rule holds and did not for the point before."""

    rule: Rule
    least_change: float = 0.0

    @property
    def name(self) -> str:
        """That of the rule."""
        return self.rule.name

    def detect(self, series: Series, state: bytes | None, context: Context = NOTHING_KNOWN) -> tuple[Scores, bytes]:
        """Judge each point by the last seven days; the state holds these."""
        seen_before, was_alarm, old_times, old_values = self._read(state)
        if len(series) and len(old_times) and series.times[0] <= old_times[-1]:
            raise ValueError(f"The state has seen {series.key} until {old_times[-1]}, not before {series.times[0]}.")
        is_number = np.isfinite(series.values)
        times, values = series.times[is_number], series.values[is_number]
        is_quiet = context.is_quiet(times)
        is_learned = ~is_quiet & ~context.is_confirmed(times)
        past_times = np.concatenate([old_times, times[is_learned]])
        past_values = np.concatenate([old_values, values[is_learned]])
        known = len(old_times) + np.cumsum(is_learned) - is_learned
        length = max(WEEK, MOST_LONG_BUCKETS * series.grain)
        first = np.searchsorted(past_times, times - length)
        figures = np.full((3, len(times)), np.nan)
        for at in np.flatnonzero(known - first >= LEAST).tolist():
            judged = self.rule.judge(float(values[at]), past_values[first[at] : known[at]])
            figures[:, at] = judged.ratio, judged.expected, judged.spread
        is_alarm = (figures[0] > 1) & ~is_quiet & (np.abs(values - figures[1]) >= self.least_change)
        begins = is_alarm & ~np.concatenate([[was_alarm], is_alarm[:-1]]).astype(np.bool_)[: len(times)]
        scores = _scores(values, figures, begins, seen_before + known - len(old_times), is_quiet)
        if not len(times):
            return scores.at(is_number), self._write(seen_before, past_times, past_values, is_alarm=was_alarm)
        kept = slice(int(np.searchsorted(past_times, times[-1] - length)), None)
        seen = seen_before + int(is_learned.sum())
        now = self._write(seen, past_times[kept], past_values[kept], is_alarm=bool(is_alarm[-1]))
        return scores.at(is_number), now

    def _write(self, seen: int, times: Integers, values: Floats, *, is_alarm: bool) -> bytes:
        head = _HEAD.pack(self.name.encode(), seen, is_alarm, len(times))
        return head + times.astype("<i8").tobytes() + values.astype("<f8").tobytes()

    def _read(self, state: bytes | None) -> tuple[int, bool, Integers, Floats]:
        if state is None:
            return 0, False, np.empty(0, np.int64), np.empty(0)
        name, seen, is_alarm, number = _HEAD.unpack_from(state)
        found = name.rstrip(b"\0").decode("ascii", "replace")
        if found != self.name:
            raise ValueError(f"The state is of method {found!r}, not of {self.name!r}: begin anew.")
        times = np.frombuffer(state, "<i8", number, _HEAD.size).astype(np.int64)
        values = np.frombuffer(state, "<f8", number, _HEAD.size + 8 * number).astype(np.float64)
        return seen, bool(is_alarm), times, values


def _scores(values: Floats, figures: Floats, begins: Booleans, seen: Integers, is_quiet: Booleans) -> Scores:
    ratio, expected, spread = figures
    told = figures_of_values(values, expected, spread)
    score = np.where(np.isnan(ratio) | is_quiet, 0.0, 1 - 1 / (1 + ratio))
    return Scores(score, begins, np.full(len(values), VALUE), *told, seen, is_quiet)


def _median_and_spread(past: Floats) -> tuple[float, float]:
    """Median, and median absolute deviation as a standard deviation."""
    median = float(np.median(past))
    return median, NORMAL * float(np.median(np.abs(past - median)))
