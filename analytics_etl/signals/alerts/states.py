"""The values of the state machine: points and commands go in, states and transitions come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal


class Status(StrEnum):
    """The state of an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    """The condition holds, but not long enough yet."""
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NO_DATA = "no data"


OPEN = (Status.TRIGGERED, Status.ACKNOWLEDGED)


@dataclass(frozen=True)
class Point:
    """One bucket of a series that the rule reads."""

    input: str
    """The key of the selector that chose the series."""
    at: datetime
    """The end of the bucket: from then on its value is known."""
    grain: timedelta
    value: float


@dataclass(frozen=True)
class Command:
    """What a person did to an alert."""

    kind: Literal["acknowledge", "resolve"]
    at: datetime
    who: str


@dataclass(frozen=True)
class Transition:
    """One change of an alert's state."""

    rule: str
    version: str
    labels: Mapping[str, str]
    incident: int
    """The number of the incident of this alert, from 1; 0 before the first."""
    at: datetime
    who: str | None
    """The person; None if the series did it."""
    before: Status
    after: Status
    value: float | None
    """What was compared with the threshold."""
    since: datetime | None
    """When the condition began to hold."""


@dataclass(frozen=True)
class Input:
    """What is kept of one series: its last points, as many as the rule looks back."""

    grain: timedelta
    points: tuple[tuple[datetime, float], ...]


@dataclass
class AlertState:
    """All that the machine knows after the moment `until`. The machine changes its own copy only."""

    rule: str
    labels: Mapping[str, str]
    started: datetime
    """From here on the absence of a series that never came is counted."""
    until: datetime
    """All points and commands up to and including this moment are judged."""
    status: Status = Status.INACTIVE
    incident: int = 0
    since: datetime | None = None
    value: float | None = None
    waits_for_end: bool = False
    """A person resolved the incident while its condition held: nothing is triggered before that has ended."""
    before_gap: Status | None = None
    """The state that `no data` took the place of."""
    gap_after: datetime | None = None
    """When there will be no data, unless a point comes."""
    calm_since: datetime | None = None
    """When the condition of an open alert ceased to hold; `keep_firing` counts from here."""
    changed_at: datetime | None = None
    """When the status changed last."""
    inputs: dict[str, Input] = field(default_factory=dict)

    @property
    def has_incident(self) -> bool:
        return self.status in OPEN or (self.status is Status.NO_DATA and self.before_gap in OPEN)

    def is_over_since(self, moment: datetime) -> bool:
        """Whether nothing is wrong, and nothing has happened after a moment."""
        is_calm = self.status in (Status.INACTIVE, Status.RESOLVED) and self.since is None and not self.waits_for_end
        return is_calm and (self.changed_at is None or self.changed_at <= moment)


def initial(rule: str, labels: Mapping[str, str], started: datetime) -> AlertState:
    """The state of an alert that is watched from now on."""
    return AlertState(rule, dict(labels), started, started)


def to_json(state: AlertState) -> dict[str, Any]:
    """The state as JSON has it."""
    return {
        "rule": state.rule,
        "labels": dict(state.labels),
        "started": state.started.isoformat(),
        "until": state.until.isoformat(),
        "status": state.status.value,
        "incident": state.incident,
        "since": _written(state.since),
        "calm_since": _written(state.calm_since),
        "changed_at": _written(state.changed_at),
        "value": state.value,
        "waits_for_end": state.waits_for_end,
        "before_gap": state.before_gap.value if state.before_gap else None,
        "gap_after": _written(state.gap_after),
        "inputs": {
            key: {
                "grain_seconds": one.grain.total_seconds(),
                "points": [[at.isoformat(), value] for at, value in one.points],
            }
            for key, one in state.inputs.items()
        },
    }


def from_json(content: Mapping[str, Any]) -> AlertState:
    """The state that `to_json` wrote."""
    return AlertState(
        rule=content["rule"],
        labels=content["labels"],
        started=datetime.fromisoformat(content["started"]),
        until=datetime.fromisoformat(content["until"]),
        status=Status(content["status"]),
        incident=content["incident"],
        since=_moment(content["since"]),
        # States of an earlier version have none of these two.
        calm_since=_moment(content.get("calm_since")),
        changed_at=_moment(content.get("changed_at", content["until"])),
        value=content["value"],
        waits_for_end=content["waits_for_end"],
        before_gap=Status(content["before_gap"]) if content["before_gap"] else None,
        gap_after=_moment(content["gap_after"]),
        inputs={
            key: Input(
                timedelta(seconds=one["grain_seconds"]),
                tuple((datetime.fromisoformat(at), value) for at, value in one["points"]),
            )
            for key, one in content["inputs"].items()
        },
    )


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
