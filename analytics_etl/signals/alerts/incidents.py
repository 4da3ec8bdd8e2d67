"""The incidents of alerts, read from their transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analytics_etl.signals.alerts.rules import alert_key
from analytics_etl.signals.alerts.states import Status, Transition


@dataclass(frozen=True)
class Incident:
    """From the moment an alert is triggered to the moment it is resolved."""

    rule: str
    version: str
    """Of the rule, when it was triggered."""
    labels: Mapping[str, str]
    number: int
    since: datetime | None
    triggered_at: datetime
    value: float | None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    """A person, or None if the condition ended."""

    @property
    def time_to_acknowledge(self) -> timedelta | None:
        return self.acknowledged_at - self.triggered_at if self.acknowledged_at else None

    @property
    def time_to_resolve(self) -> timedelta | None:
        return self.resolved_at - self.triggered_at if self.resolved_at else None


def incidents_of(transitions: Iterable[Transition]) -> list[Incident]:
    """The incidents of a whole history, in the order in which they were triggered."""
    found: dict[tuple[str, int], Incident] = {}
    for one in transitions:
        key = (alert_key(one.rule, one.labels), one.incident)
        if one.after is Status.TRIGGERED and key not in found:
            found[key] = Incident(one.rule, one.version, one.labels, one.incident, one.since, one.at, one.value)
        elif one.after is Status.ACKNOWLEDGED and found[key].acknowledged_at is None:
            found[key] = replace(found[key], acknowledged_at=one.at, acknowledged_by=one.who)
        elif one.after is Status.RESOLVED:
            found[key] = replace(found[key], resolved_at=one.at, resolved_by=one.who)
    return list(found.values())
