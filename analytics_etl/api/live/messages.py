"""What clients say: four messages, each with its data."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

MOST_NAMES = 50
"""Metrics that one message names."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Tenant = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class MessageError(ValueError):
    """A message is none of the four, and why."""

    def __init__(self, detail: str, event: str = "") -> None:
        super().__init__(detail)
        self.event = event


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DashboardStream(_Message):
    """The dashboard of a tenant; "" is the platform itself, None all that the client may see."""

    tenantId: Tenant | None = None  # noqa: N815 - the name of the former platform


class StopDashboardStream(DashboardStream):
    """Stop the dashboard of a tenant, as it was asked for."""


class Metrics(DashboardStream):
    """Metrics by their names."""

    metricNames: list[Name] = Field(min_length=1, max_length=MOST_NAMES)  # noqa: N815 - as above


class SubscribeMetrics(Metrics):
    """Send the newest sample of each series of these metrics; after a pause those since then."""

    since: datetime | None = None

    @field_validator("since")
    @classmethod
    def _in_utc(cls, since: datetime | None) -> datetime | None:
        return since if since is None or since.tzinfo else since.replace(tzinfo=UTC)


class UnsubscribeMetrics(Metrics):
    """Send no more of these metrics."""


EVENTS: dict[str, type[DashboardStream]] = {
    "subscribeMetrics": SubscribeMetrics,
    "unsubscribeMetrics": UnsubscribeMetrics,
    "getDashboardStream": DashboardStream,
    "stopDashboardStream": StopDashboardStream,
}


def read(text: str) -> tuple[str, DashboardStream]:
    """(event, its data) of a message; MessageError for any other text."""
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise MessageError('the message is no valid JSON: expected {"event": …, "data": …}') from None
    event = str(said.get("event")) if isinstance(said, dict) else ""
    kind = EVENTS.get(event)
    if kind is None or not set(said) <= {"event", "data"}:
        raise MessageError(f'expected {{"event": …, "data": …}} with an event of {", ".join(EVENTS)}')
    try:
        return event, kind.model_validate(said.get("data") or {})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'data'}: {e['msg']}" for e in error.errors()[:10])
        raise MessageError(wrong, event) from None
