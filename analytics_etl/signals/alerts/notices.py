"""What is to be told of the transitions of alerts: grouped, inhibited, silenced, repeated, with resolved notices.

All that changed at one moment is one notice for each group, told at that moment. What must still be told is in the
state, so a history told day by day gives the same notices as one told at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from analytics_etl.signals.alerts.matching import quoted, written
from analytics_etl.signals.alerts.rules import SEVERITIES, Inhibition, Rule, Severity, alert_key
from analytics_etl.signals.alerts.silences import Silence, end_of_silence, is_muted
from analytics_etl.signals.alerts.states import Status, Transition


@dataclass(frozen=True)
class OpenAlert:
    """An alert that was triggered and is not resolved."""

    rule: str
    labels: Mapping[str, str]
    """With alertname and severity."""
    incident: int
    status: Status
    triggered_at: datetime
    value: float | None
    told_at: datetime | None = None
    """When it was told last; None if never."""
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """One message about the alerts of a group."""

    at: datetime
    group: Mapping[str, str]
    alerts: tuple[OpenAlert, ...]
    """Those that fire, then those that are resolved."""

    @property
    def key(self) -> str:
        """Names this notice and no other, so that it is sent once."""
        incidents = ",".join(
            f"{written(alert.labels)}#{alert.incident}{' resolved' if alert.resolved_at else ''}"
            for alert in self.alerts
        )
        return f"alerts:{written(self.group)}:{self.at.isoformat()}:{quoted(incidents)}"

    @property
    def severity(self) -> Severity:
        """The worst of its alerts."""
        return next(one for one in reversed(SEVERITIES) if any(one == a.labels["severity"] for a in self.alerts))


@dataclass(frozen=True)
class ToldState:
    """What is known after the moment `until`: the open alerts, and when each was told."""

    until: datetime
    open: Mapping[str, OpenAlert] = field(default_factory=dict)


def notices(
    rules: Mapping[str, Rule],
    state: ToldState,
    transitions: Iterable[Transition],
    silences: Sequence[Silence],
    until: datetime,
) -> tuple[list[Notice], ToldState]:
    """What is to be told after `state.until`, up to and including `until`, and the new state.

    `rules` has the rule of every open alert, too: before a rule is removed, its alerts are resolved.
    """
    teller = _Teller(rules, state, silences)
    ordered = sorted(transitions, key=lambda one: one.at)
    if ordered and not (state.until < ordered[0].at and ordered[-1].at <= until):
        raise ValueError(f"expected transitions after {state.until} and until {until}, but came one at {ordered[0].at}")
    for at, together in groupby(ordered, key=lambda one: one.at):
        teller.pass_until(at, inclusive=False)
        for transition in together:
            teller.take(transition)
        teller.tell(at)
    teller.pass_until(until, inclusive=True)
    return teller.told, ToldState(until, teller.open)


def told_to_json(state: ToldState) -> dict[str, Any]:
    """The state as JSON has it."""
    return {
        "until": state.until.isoformat(),
        "open": {
            key: {name: _plain(value) for name, value in vars(alert).items()} for key, alert in state.open.items()
        },
    }


def told_from_json(content: Mapping[str, Any]) -> ToldState:
    """The state that `told_to_json` wrote."""
    return ToldState(
        datetime.fromisoformat(content["until"]),
        {key: OpenAlert(**_read(alert)) for key, alert in content["open"].items()},
    )


class _Teller:
    def __init__(self, rules: Mapping[str, Rule], state: ToldState, silences: Sequence[Silence]) -> None:
        self.rules, self.silences = rules, silences
        self.open, self.told = dict(state.open), list[Notice]()
        self._clock = state.until
        self._inhibiting: dict[Inhibition, set[tuple[str, ...]]] = {}

    def take(self, transition: Transition) -> None:
        """Note a transition."""
        key = alert_key(transition.rule, transition.labels)
        if transition.after is Status.TRIGGERED and transition.before is not Status.NO_DATA:
            rule = self.rules[transition.rule]
            labels = {**transition.labels, "alertname": rule.name, "severity": rule.severity}
            self.open[key] = OpenAlert(
                rule.name, labels, transition.incident, transition.after, transition.at, transition.value
            )
        elif key in self.open:
            ended = transition.at if transition.after is Status.RESOLVED else None
            self.open[key] = replace(self.open[key], status=transition.after, resolved_at=ended)

    def pass_until(self, at: datetime, *, inclusive: bool) -> None:
        """Tell what is due because time goes by: repeats, and what a silence held back."""
        while due := [moment for moment in self._deadlines() if moment < at or (inclusive and moment == at)]:
            self.tell(min(due))

    def tell(self, at: datetime) -> None:
        """Make a notice of each group that has something to tell, and forget what is resolved."""
        self._clock = at
        self._inhibiting.clear()
        groups: dict[str, list[str]] = {}
        for key, alert in self.open.items():
            groups.setdefault(written(self._group(alert)), []).append(key)
        for _, keys in sorted(groups.items()):
            members = [(key, self.open[key]) for key in sorted(keys)]
            firing = [(key, alert) for key, alert in members if self._may_be_told(alert, at)]
            resolved = [alert for _, alert in members if alert.resolved_at and alert.told_at]
            if resolved or any(self._is_due(alert, at) for _, alert in firing):
                told = [alert for _, alert in firing]
                self.told.append(Notice(at, self._group(members[0][1]), (*told, *resolved)))
                self.open.update({key: replace(alert, told_at=at) for key, alert in firing})
        self.open = {key: alert for key, alert in self.open.items() if alert.resolved_at is None}

    def _may_be_told(self, alert: OpenAlert, at: datetime) -> bool:
        """Whether the alert fires, and nobody has it in hand or wants to hear nothing of it."""
        if alert.resolved_at or alert.status is Status.ACKNOWLEDGED:
            return False
        return not self._is_inhibited(alert) and not is_muted(self.silences, alert.labels, at)

    def _is_due(self, alert: OpenAlert, at: datetime) -> bool:
        rule = self.rules[alert.rule]
        if alert.told_at is not None and rule.severity_in(alert.status) == SEVERITIES[0] != rule.severity:
            return False  # nobody knows more than when it was told
        return alert.told_at is None or at >= alert.told_at + rule.repeat

    def _is_inhibited(self, alert: OpenAlert) -> bool:
        return any(
            _values(alert, inhibition) in self._sources(inhibition)
            for inhibition in self.rules[alert.rule].inhibited_by
        )

    def _sources(self, inhibition: Inhibition) -> set[tuple[str, ...]]:
        """The values of the labels that must be equal, of the open alerts that inhibit others."""
        if inhibition not in self._inhibiting:
            found = (one for one in self.open.values() if one.rule == inhibition.rule and one.resolved_at is None)
            self._inhibiting[inhibition] = {_values(one, inhibition) for one in found}
        return self._inhibiting[inhibition]

    def _deadlines(self) -> list[datetime]:
        """Moments to come at which an open alert may have to be told."""
        found = []
        for alert in self.open.values():
            if alert.told_at is not None:
                found.append(alert.told_at + self.rules[alert.rule].repeat)
            end = end_of_silence(self.silences, alert.labels, self._clock)
            found += [end] if end is not None else []
        return [moment for moment in found if moment > self._clock]

    def _group(self, alert: OpenAlert) -> dict[str, str]:
        names = self.rules[alert.rule].group_by
        return {name: alert.labels[name] for name in names if name in alert.labels}


def _values(alert: OpenAlert, inhibition: Inhibition) -> tuple[str, ...]:
    return tuple(alert.labels.get(name, "") for name in inhibition.equal)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(content: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: content[name] for name in ("triggered_at", "told_at", "resolved_at")}
    read = {name: datetime.fromisoformat(text) if text else None for name, text in moments.items()}
    return {**content, **read, "status": Status(content["status"])}
