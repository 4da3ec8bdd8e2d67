"""The default detector: what is new in a series, judged by nothing but its past.

A point is scored in several aspects (`aspects`), by how far it lies beyond everything seen so far (`novelty`). It is
news if it is more unusual than each of the last points. So a burst is told at its beginning, and not at each point.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics_etl.signals.anomalies.aspects import aspects, without_rounding
from analytics_etl.signals.anomalies.baseline import learn_baseline
from analytics_etl.signals.anomalies.chance import Kind, standard_errors
from analytics_etl.signals.anomalies.context import NOTHING_KNOWN, Context
from analytics_etl.signals.anomalies.novelty import learn_extremes
from analytics_etl.signals.anomalies.scores import (
    ASPECTS,
    GAP,
    ROOT_SPREAD,
    SEASONAL,
    SHORT_SPREAD,
    SPREAD,
    VALUE,
    Figures,
    Scores,
    figures_of,
)
from analytics_etl.signals.anomalies.season import learn_season
from analytics_etl.signals.anomalies.state import LEAST, LONG, NAMES, State, quiet_points, slots_of
from analytics_etl.signals.series import Booleans, Floats, Integers, Series

USUAL_NOVELTY = 0.3
"""Of a point with the default threshold's score; chosen on labelled series."""
BELOW_NEWS = 0.1
"""Scores of points that are no news stay below."""
DEFAULT_THRESHOLD = BELOW_NEWS + (1 - BELOW_NEWS) / 2
POINTS_TO_TIRE = 8000
"""After them, novelty has to grow with the fourth root of time: chances to be new add up."""
FAR_MORE = 3.0
"""Times the novelty of an anomaly that has just begun: another one."""
LONG_GAP = 3
"""In longest gaps seen so far: what is longer is unusual."""
MOST_OF_GAP = 3.0
"""In long gaps: a longer one is no more unusual, or it would hide what comes after it."""
CYCLES_TO_TRUST = 5
"""So long everything counts for less: much is new in the first days."""
LEAST_TRUST = 0.05
"""What lies five times the range of the first points beyond them is told at once."""

BEYOND_CHANCE = 4.0
"""In standard errors: of 10,000 points less than one is so by chance, if the points depend on nothing else."""


class Direction(StrEnum):
    """Of the changes that are told."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True)
class Sensitivity:
    """Which points are told; it changes no score."""

    threshold: float = DEFAULT_THRESHOLD
    least_change: float = 0.0
    """From what was expected, in units of the series."""
    least_share: float = 0.0
    """The same as a share of the median of the values."""
    kind: Kind | None = None
    """What the values are, if only changes beyond chance are told."""
    direction: Direction = Direction.BOTH
    """Of the change from what was expected; of a spread, of the value from its median. Gaps are told in any case."""

    def tells(self, aspect: Integers, figures: Figures, values: Floats, level: Floats, weights: Floats) -> Booleans:
        """Points whose change is large enough, beyond chance and of the direction; `level` is the median."""
        least = np.maximum(self.least_change, self.least_share * np.abs(level))
        is_large = np.abs(figures.current - figures.expected) >= least
        if self.kind is not None:
            is_large &= standard_errors(self.kind, aspect, figures, level, weights) >= BEYOND_CHANCE
        is_spread = (aspect == SPREAD) | (aspect == ROOT_SPREAD) | (aspect == SHORT_SPREAD)
        rise = np.where(is_spread, values - level, figures.current - figures.expected)
        match self.direction:
            case Direction.UP:
                return is_large & (rise > 0)
            case Direction.DOWN:
                return is_large & (rise < 0)
            case Direction.BOTH:
                return is_large


DEFAULT_SENSITIVITY = Sensitivity()


def detect(
    series: Series,
    state: State | None = None,
    context: Context = NOTHING_KNOWN,
    sensitivity: Sensitivity = DEFAULT_SENSITIVITY,
    since: int | None = None,
) -> tuple[Scores, State]:
    """Score each point by what came before it. With the state of before, the result is that of one long series.

    Of the points before `since`, only anomalies have figures, and scores that are no news are 0: it takes a third.
    """
    now = State.new(series.grain) if state is None else state
    _check(series, now)
    is_number = np.isfinite(series.values)
    times, values = series.times[is_number], series.values[is_number]
    is_quiet = context.is_quiet(times)
    is_learned = ~is_quiet & ~context.is_confirmed(times)
    seen = int(now.seen[0]) + np.cumsum(is_learned) - is_learned
    usual, now = learn_season(now, times, values, is_learned)
    found, now = _learn_windows(now, values, usual, is_learned)
    novelty, now = learn_extremes(now, times, found, is_learned)
    gaps, longest, now = _learn_gaps(now, times)
    how_long = np.minimum(gaps / (LONG_GAP * longest), MOST_OF_GAP)
    beyond = np.where(how_long > 1, USUAL_NOVELTY * how_long, 0.0)
    weighed = context.weigh(np.concatenate([novelty, [beyond]]), ASPECTS)
    most = np.where(is_quiet, 0.0, _trust(seen, slots_of(series.grain)) * weighed.max(axis=0))
    is_news, now = _learn_news(now, most)
    news_score = BELOW_NEWS + (1 - BELOW_NEWS) * most / (most + USUAL_NOVELTY)
    is_wanted = np.ones(len(times), np.bool_)
    if since is not None and sensitivity.threshold >= BELOW_NEWS:
        is_wanted = (times >= since) | (is_news & (news_score >= sensitivity.threshold))
    centres, spreads, now = learn_baseline(now, found, is_learned, is_wanted)
    # Of a point that is new in nothing, the narrower of both expectations is told.
    usual_aspect = np.where(spreads[SEASONAL] < spreads[VALUE], SEASONAL, VALUE)
    aspect = np.where(weighed.max(axis=0) > 0, weighed.argmax(axis=0), usual_aspect)
    figures = figures_of(aspect, np.vstack([found, gaps]), np.vstack([centres, longest]), np.vstack([spreads, longest]))
    unusual = 1 - 3 / (np.nan_to_num(np.abs(figures.deviation), posinf=np.inf) + 3)
    usual_score = BELOW_NEWS * np.where(seen < LEAST, 0.0, unusual)
    score = np.where(is_news, news_score, np.where(is_wanted, usual_score, 0.0))
    weights = series.weights[is_number]
    is_told = sensitivity.tells(aspect, figures, values, centres[VALUE], weights) | (aspect == GAP)
    begins, now = _learn_beginnings(now, is_told & (score >= sensitivity.threshold), most)
    return Scores(score, begins, aspect, *figures, seen, is_quiet).at(is_number), now


def _check(series: Series, state: State) -> None:
    if series.grain != state.grain:
        raise ValueError(f"The state is of grain {state.grain}, the series of {series.grain}: {series.key}.")
    if len(series) and series.times[0] <= state.last_time:
        raise ValueError(
            f"The state has seen {series.key} until {state.last_time}, which is not before {series.times[0]}."
        )


def _learn_windows(state: State, values: Floats, usual: Floats, is_learned: Booleans) -> tuple[Floats, State]:
    """The aspects (aspect, point). Windows are of learned points; other points have a value and a residual only."""
    residuals = without_rounding(values - usual, np.abs(values) + np.abs(usual))
    learned_values = np.concatenate([state.last_values, values[is_learned]])
    learned_residuals = np.concatenate([state.last_residuals, residuals[is_learned]])
    found = np.full((len(NAMES), len(values)), np.nan)
    found[:, is_learned] = aspects(learned_values, learned_residuals)
    found[VALUE], found[SEASONAL] = values, residuals
    last = slice(len(learned_values) - (LONG - 1), None)
    return found, replace(state, last_values=learned_values[last], last_residuals=learned_residuals[last])


def _learn_gaps(state: State, times: Integers) -> tuple[Floats, Floats, State]:
    """Buckets from the point before to each point, the most there were before, and the state that has seen them."""
    if not len(times):
        return np.empty(0), np.empty(0), state
    gaps = np.ones(len(times))
    gaps[1:] = np.diff(times) / state.grain
    if not np.isnan(state.seen[1]):
        gaps[0] = (times[0] - state.last_time) / state.grain
    longest = np.maximum.accumulate(np.concatenate([[state.seen[2]], gaps]))
    seen = state.seen.copy()
    seen[1:3] = times[-1], longest[-1]
    return gaps, longest[:-1], replace(state, seen=seen)


def _trust(seen: Integers, slots: int) -> Floats:
    """How much novelty counts for after so many points: less in the first cycles, and slowly less in the long run."""
    grown = np.clip(seen / (CYCLES_TO_TRUST * slots), LEAST_TRUST, 1.0)
    with np.errstate(divide="ignore"):
        tired = np.minimum(1.0, np.sqrt(np.sqrt(POINTS_TO_TIRE / seen)))
    return np.where(seen < LEAST, 0.0, grown * tired)


def _learn_news(state: State, novelty: Floats) -> tuple[Booleans, State]:
    """Whether each point is more unusual than all of the last ones."""
    length = quiet_points(state.grain)
    known = np.concatenate([state.past_novelty, novelty])
    before = sliding_window_view(known, length)[: len(novelty)].max(axis=1)
    return (novelty > before), replace(state, past_novelty=known[len(novelty) :])


def _learn_beginnings(state: State, is_alarm: Booleans, novelty: Floats) -> tuple[Booleans, State]:
    """Which alarms begin an anomaly: all that come shortly after one belong to it, if they are not far more unusual."""
    begins = np.zeros(len(is_alarm), np.bool_)
    since, greatest = state.last_alarm.tolist()
    last = -since
    for at in np.flatnonzero(is_alarm).tolist():
        begins[at] = at - last > quiet_points(state.grain) or novelty[at] > FAR_MORE * greatest
        greatest = float(novelty[at]) if begins[at] else max(greatest, float(novelty[at]))
        last = at
    return begins, replace(state, last_alarm=np.array([len(is_alarm) - last, greatest]))
