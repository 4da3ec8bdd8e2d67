"""Whether a condition holds at a moment: yes, no, or unknown because a value is missing."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from analytics_etl.signals.alerts.rules import Absent, AllOf, AnyOf, Change, Comparison, Condition, Ratio, leaves
from analytics_etl.signals.alerts.states import AlertState, Input, Point

Judgement = tuple[bool | None, float | None]
"""(whether it holds, the value that was compared)."""


def judge(condition: Condition, state: AlertState, at: datetime) -> Judgement:
    """Judge a condition by Kleene's logic: an unknown part matters only if the others leave the answer open."""
    match condition:
        case AllOf(conditions):
            return _joined([judge(one, state, at) for one in conditions], decisive=False)
        case AnyOf(conditions):
            return _joined([judge(one, state, at) for one in conditions], decisive=True)
        case Absent():
            return at >= absent_from(condition, state), None
        case Comparison(value):
            found = _value(value, state.inputs, at)
            return (None if found is None else condition.holds(found)), found


def absent_from(absent: Absent, state: AlertState) -> datetime:
    """The moment from which the series counts as absent, unless a point comes."""
    kept = state.inputs.get(absent.selector.key)
    return (kept.points[-1][0] if kept else state.started) + absent.after


def with_point(kept: Input | None, point: Point, look_back: timedelta) -> Input:
    """The input with one point more, and without those that nobody looks back to."""
    if kept is None or not look_back:
        return Input(point.grain, ((point.at, point.value),))
    points = [one for one in kept.points if one[0] >= point.at - look_back]
    return Input(point.grain, (*points, (point.at, point.value)))


def look_back_of(condition: Condition, key: str) -> timedelta:
    """How far back the condition looks into the series of a selector."""
    changes = [leaf.value for leaf in leaves(condition) if isinstance(leaf, Comparison)]
    overs = [value.over for value in changes if isinstance(value, Change) and value.selector.key == key]
    return max(overs, default=timedelta(0))


def _joined(judgements: list[Judgement], *, decisive: bool) -> Judgement:
    for holds, value in judgements:
        if holds is decisive:
            return holds, value
    for holds, value in judgements:
        if holds is None:
            return None, value
    return judgements[0]


def _value(value: object, inputs: Mapping[str, Input], at: datetime) -> float | None:
    match value:
        case Ratio(of, to):
            above, below = _current(inputs.get(of.key), at), _current(inputs.get(to.key), at)
            return above / below if above is not None and below else None
        case Change(selector, over):
            kept = inputs.get(selector.key)
            now = _current(kept, at)
            if now is None or kept is None:
                return None
            before = dict(kept.points).get(kept.points[-1][0] - over)
            return (now - before) / abs(before) if before else None
    return _current(inputs.get(value.key), at)  # type: ignore[attr-defined]  # a selector


def _current(kept: Input | None, at: datetime) -> float | None:
    """The value of the last bucket, until the next one is due."""
    if kept is None:
        return None
    last, value = kept.points[-1]
    return value if at < last + kept.grain else None
