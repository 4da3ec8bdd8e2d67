"""The state machine of an alert: points and commands in order -> transitions and the new state. Knows no clock.

What happens at one moment happens in this order: the points of that moment, then what is due because a point did not
come, then the commands. So a history judged day by day gives the same transitions as one judged at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from math import isfinite

from analytics_etl.signals.alerts.conditions import absent_from, judge, look_back_of, with_point
from analytics_etl.signals.alerts.rules import Absent, Rule, leaves
from analytics_etl.signals.alerts.states import OPEN, AlertState, Command, Point, Status, Transition


@dataclass(frozen=True)
class Evaluation:
    """What came of a stretch of time."""

    state: AlertState
    transitions: list[Transition] = field(default_factory=list)
    ignored: list[tuple[Command, str]] = field(default_factory=list)
    """Commands that changed nothing, each with the reason."""


def evaluate(
    rule: Rule, state: AlertState, points: Iterable[Point], commands: Iterable[Command], until: datetime
) -> Evaluation:
    """Judge all that happened after `state.until`, up to and including `until`.

    `until` is a moment up to which the series are complete: what comes later for an earlier moment is refused
    (ValueError). To show a command at once, evaluate it and throw the new state away. A value that is not finite
    counts as missing.
    """
    if until < state.until:
        raise ValueError(f"{rule.name} is judged until {state.until}; expected a later moment, but came {until}")
    machine = _Machine(rule, replace(state, inputs=dict(state.inputs)))
    events: list[Point | Command] = [*(point for point in points if isfinite(point.value)), *commands]
    for event in events:
        if not state.until < event.at <= until:
            raise ValueError(f"{rule.name}: expected an event after {state.until} and until {until}, but came {event}")
    for at, together in groupby(sorted(events, key=lambda event: event.at), key=lambda event: event.at):
        machine.pass_until(at, inclusive=False)
        happened = list(together)
        machine.take([event for event in happened if isinstance(event, Point)], at)
        machine.pass_until(at, inclusive=True)
        for event in happened:
            if isinstance(event, Command):
                machine.obey(event)
    machine.pass_until(until, inclusive=True)
    return Evaluation(machine.state, machine.transitions, machine.ignored)


class _Machine:
    def __init__(self, rule: Rule, state: AlertState) -> None:
        self.rule, self.state = rule, state
        self.transitions: list[Transition] = []
        self.ignored: list[tuple[Command, str]] = []
        self._version = rule.version
        self._absents = [leaf for leaf in leaves(rule.condition) if isinstance(leaf, Absent)]
        self._look_back = {one.key: look_back_of(rule.condition, one.key) for one in rule.selectors}

    def pass_until(self, at: datetime, *, inclusive: bool) -> None:
        """Let happen what is due up to a moment because no point came."""
        while due := [moment for moment in self._deadlines() if moment < at or (inclusive and moment == at)]:
            moment = min(due)
            self.state.until = moment
            holds, value = judge(self.rule.condition, self.state, moment)
            if holds is not None:
                self._observe(moment, moment, value, holds=holds)
            if self.state.gap_after is not None and self.state.gap_after <= moment:
                self._miss(moment, is_unknown=holds is None)
        if inclusive:
            self.state.until = at

    def take(self, points: Sequence[Point], at: datetime) -> None:
        """Judge the points of one moment."""
        if not points:
            return
        inputs = self.state.inputs
        for point in points:
            if point.input in self._look_back:
                inputs[point.input] = with_point(inputs.get(point.input), point, self._look_back[point.input])
        holds, value = judge(self.rule.condition, self.state, at)
        if holds is not None:
            grain = min(point.grain for point in points)
            self.state.gap_after = at + grain + self.rule.gap
            self._observe(at, at - grain, value, holds=holds)

    def obey(self, command: Command) -> None:
        """Do what a person said, or say why not."""
        status = self.state.status
        if not self.state.has_incident:
            self.ignored.append((command, f"nothing to {command.kind}: the alert is {status}"))
        elif command.kind == "resolve":
            self.state.waits_for_end = True
            self.state.before_gap = None
            self._go(Status.RESOLVED, command.at, self.state.value, command.who)
        elif status is Status.ACKNOWLEDGED or self.state.before_gap is Status.ACKNOWLEDGED:
            self.ignored.append((command, "the alert is acknowledged already"))
        else:
            self.state.before_gap = None
            self._go(Status.ACKNOWLEDGED, command.at, self.state.value, command.who)

    def _deadlines(self) -> Iterator[datetime]:
        """The moments after `until` at which something happens without a point."""
        for absent in self._absents:
            moment = absent_from(absent, self.state)
            if moment > self.state.until:
                yield moment
        gap_after = self.state.gap_after
        if gap_after is not None and gap_after > self.state.until:
            yield gap_after

    def _observe(self, at: datetime, start: datetime, value: float | None, *, holds: bool) -> None:
        """Go where the condition leads; `start` is when the bucket that was judged began."""
        is_over = not holds and self._is_over(at, start)
        if holds or is_over:  # in between, the value that was beyond the limit is shown
            self.state.value = value
        if self.state.status is Status.NO_DATA and self.state.before_gap is not None:
            if not is_over or self.state.before_gap is Status.PENDING:
                self._go(self.state.before_gap, at, value)
            self.state.before_gap = None
        if is_over:
            self._end(at, value)
            return
        self.state.calm_since = None if holds else self.state.calm_since or start
        status = self.state.status
        if not holds or status in OPEN or self.state.waits_for_end:
            return
        since = self.state.since or start
        self.state.since = since
        if at - since >= self.rule.hold:
            self.state.incident += 1
            self._go(Status.TRIGGERED, at, value)
        elif status is not Status.PENDING:
            self._go(Status.PENDING, at, value)

    def _end(self, at: datetime, value: float | None) -> None:
        """Nothing is wrong any more."""
        status = self.state.status
        if status is Status.PENDING:
            self._go(Status.INACTIVE, at, value)
        elif status in OPEN or status is Status.NO_DATA:
            self._go(Status.RESOLVED, at, value)
        self.state.waits_for_end = False
        self.state.since = None
        self.state.calm_since = None

    def _is_over(self, at: datetime, start: datetime) -> bool:
        """Whether the condition, which does not hold, has not held for long enough to end what it began."""
        is_open = self.state.has_incident or self.state.waits_for_end
        return not is_open or at - (self.state.calm_since or start) >= self.rule.keep_firing

    def _miss(self, at: datetime, *, is_unknown: bool) -> None:
        """The gap has lasted too long."""
        status = self.state.status
        self.state.gap_after = None
        if is_unknown:
            self.state.calm_since = None  # nobody knows whether it stayed calm
        if is_unknown and status in (Status.PENDING, *OPEN):
            self.state.before_gap = status
            self._go(Status.NO_DATA, at, None)
            if status is Status.PENDING:
                self.state.since = None  # nobody knows whether the condition held on

    def _go(self, status: Status, at: datetime, value: float | None, who: str | None = None) -> None:
        state = self.state
        self.transitions.append(
            Transition(
                self.rule.name,
                self._version,
                state.labels,
                state.incident,
                at,
                who,
                state.status,
                status,
                value,
                state.since,
            )
        )
        self.state.status = status
        self.state.changed_at = at
