"""A rule of an alert: when it holds, for how long, and how it is told. Its texts are read in `reading`."""

import hashlib
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from analytics_etl.signals.alerts.matching import Labels, Matcher, all_match, written
from analytics_etl.signals.alerts.states import Status

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""From the mildest to the worst."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Selector:
    """The series of one metric whose labels match. Family, entity, tenant and grain are labels here."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def matches(self, metric: str, labels: Labels) -> bool:
        return metric == self.metric and all_match(self.matchers, labels)

    @property
    def key(self) -> str:
        """The name of this input of a rule: the selector, as Prometheus writes it."""
        return f"{self.metric}{{{', '.join(matcher.promql for matcher in self.matchers)}}}"


@dataclass(frozen=True)
class Ratio:
    """One series divided by another, bucket by bucket. Unknown if the other is 0."""

    of: Selector
    to: Selector


@dataclass(frozen=True)
class Change:
    """The relative change of a series against its own value `over` earlier: 0.5 is half as much again."""

    selector: Selector
    over: timedelta


@dataclass(frozen=True)
class Comparison:
    """A value is on the wrong side of a threshold."""

    value: Selector | Ratio | Change
    operator: str
    threshold: float

    def holds(self, value: float) -> bool:
        return OPERATORS[self.operator](value, self.threshold)


@dataclass(frozen=True)
class Absent:
    """A series has had no point for the time `after`."""

    selector: Selector
    after: timedelta


@dataclass(frozen=True)
class AllOf:
    """Each of some conditions holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of some conditions holds."""

    conditions: tuple["Condition", ...]


Condition = Comparison | Absent | AllOf | AnyOf


@dataclass(frozen=True)
class Inhibition:
    """An alert is not told while an alert of another rule is open that has the same values of some labels."""

    rule: str
    equal: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One rule."""

    name: str
    description: str
    severity: Severity
    condition: Condition
    hold: timedelta = timedelta(0)
    """How long the condition must hold before the alert is triggered: `for` in the file."""
    gap: timedelta = timedelta(minutes=15)
    """How long after a missing bucket the alert keeps its state; then there is no data."""
    repeat: timedelta = timedelta(days=1)
    """After this time an alert that is open and not acknowledged is told again."""
    no_data: Severity = "low"
    """How severe it is that nobody knows whether the condition of an open alert still holds."""
    sure: bool = False
    """Whether a share of few events must be beyond the threshold by more than chance."""
    keep_firing: timedelta = timedelta(0)
    """How long the condition must not hold before the alert is resolved: values near the limit are one alert."""
    on: tuple[str, ...] | None = None
    """The labels that tell the alerts of this rule apart, and join its series; None: all that the series have."""
    group_by: tuple[str, ...] = ("alertname", "tenant")
    """Alerts with the same values of these labels are told together."""
    inhibited_by: tuple[Inhibition, ...] = ()

    @property
    def version(self) -> str:
        """Changes with the rule's content, and with nothing else."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def severity_in(self, status: Status) -> Severity:
        """How severe an alert of the rule is in a state."""
        return self.no_data if status is Status.NO_DATA else self.severity

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The series that the rule reads, each once, in the order of its conditions."""
        return tuple(dict.fromkeys(selector for leaf in leaves(self.condition) for selector in _selectors(leaf)))

    @property
    def metric(self) -> str | None:
        """What is watched, if it is one metric."""
        metrics = {selector.metric for selector in self.selectors}
        return metrics.pop() if len(metrics) == 1 else None


def leaves(condition: Condition) -> Iterator[Comparison | Absent]:
    """The conditions that compare something, in order."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            for one in conditions:
                yield from leaves(one)
        case _:
            yield condition


def alert_key(rule: str, labels: Labels) -> str:
    """What tells one alert from all others, today and tomorrow: its rule and its labels."""
    return f"{rule}{written(labels)}"


def _selectors(leaf: Comparison | Absent) -> tuple[Selector, ...]:
    value = leaf.selector if isinstance(leaf, Absent) else leaf.value
    if isinstance(value, Ratio):
        return (value.of, value.to)
    return (value.selector if isinstance(value, Change) else value,)
