"""Which alerts a rule has: the series that it reads, joined by their labels, as points for the state machine."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analytics_etl.signals.alerts.chance import without_chance
from analytics_etl.signals.alerts.machine import evaluate
from analytics_etl.signals.alerts.rules import Absent, Rule, alert_key, leaves
from analytics_etl.signals.alerts.states import Point, Transition, initial
from analytics_etl.signals.series import DAY, HOUR, MINUTE, SECOND, Series

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


@dataclass(frozen=True)
class Watched:
    """One alert of a rule, with the series of each of its selectors."""

    rule: str
    labels: Mapping[str, str]
    inputs: Mapping[str, Series]

    @property
    def key(self) -> str:
        return alert_key(self.rule, self.labels)


def labels_of(series: Series) -> dict[str, str]:
    """What a rule matches: the series' own labels, and where it comes from. What is empty is left out."""
    key = series.key
    own = {"tenant": key.tenant, "family": key.family, "entity": key.entity, "grain": grain_name(series.grain)}
    return {name: value for name, value in {**dict(key.labels), **own}.items() if value}


def grain_name(grain: int) -> str:
    """1m, 5m, 1h, 1d: the length of a bucket in its largest unit."""
    name, unit = next(((name, unit) for name, unit in _UNITS if grain % unit == 0), ("s", SECOND))
    return f"{grain // unit}{name}"


def alerts_of(rule: Rule, series: Iterable[Series]) -> list[Watched]:
    """The alerts of a rule over some series, in order of their keys.

    Series whose labels are equal (those that the rule names in `on`) are inputs of one alert. Raises ValueError if a
    selector chooses two series of one alert. A series that is awaited is watched even if there is none yet.
    """
    found: dict[tuple[tuple[str, str], ...], dict[str, Series]] = {}
    for one in series:
        labels = labels_of(one)
        for selector in rule.selectors:
            if not selector.matches(one.key.metric, labels):
                continue
            about = tuple(sorted(labels.items()) if rule.on is None else _chosen(labels, rule.on))
            inputs = found.setdefault(about, {})
            if selector.key in inputs:
                raise ValueError(
                    f"{rule.name}: expected one series of {selector.key} for each alert, but {one.key} and "
                    f"{inputs[selector.key].key} have the same labels {dict(about)}; name more of them in `on`"
                )
            inputs[selector.key] = without_chance(one, rule, selector) if rule.sure else one
    if not found and any(isinstance(leaf, Absent) for leaf in leaves(rule.condition)):
        found[tuple(sorted(_awaited(rule).items()))] = {}
    return sorted((Watched(rule.name, dict(about), inputs) for about, inputs in found.items()), key=lambda one: one.key)


def points_of(watched: Watched, after: datetime, until: datetime) -> list[Point]:
    """The points that are known after one moment, and at the other."""
    points = []
    for key, series in watched.inputs.items():
        first, last = (_microseconds(moment) - series.grain + 1 for moment in (after, until))
        part = series.between(first, last)
        grain = timedelta(microseconds=series.grain)
        points += [
            Point(key, EPOCH + timedelta(microseconds=start) + grain, grain, value)
            for start, value in zip(part.times.tolist(), part.values.tolist(), strict=True)
        ]
    return sorted(points, key=lambda point: point.at)


def replay(rule: Rule, series: Iterable[Series], since: datetime, until: datetime) -> list[Transition]:
    """The transitions of all alerts of a rule if it had been there: to try it before it is switched on."""
    found = [
        evaluate(rule, initial(rule.name, one.labels, since), points_of(one, since, until), [], until).transitions
        for one in alerts_of(rule, series)
    ]
    return sorted((one for transitions in found for one in transitions), key=lambda one: one.at)


def _awaited(rule: Rule) -> dict[str, str]:
    """The labels that the absent series would have, as far as the rule knows."""
    awaited = next(leaf.selector for leaf in leaves(rule.condition) if isinstance(leaf, Absent))
    known = {matcher.name: matcher.only_value or "" for matcher in awaited.matchers}
    return {name: value for name, value in known.items() if value and (rule.on is None or name in rule.on)}


def _chosen(labels: Mapping[str, str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((name, labels[name]) for name in sorted(names) if name in labels)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
