"""Routes of alerts: what is wrong, and what people do about it. A tenant sees the alerts of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from analytics_etl.api import problems
from analytics_etl.api.access import Identity
from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import column_schema, documented
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.pipeline import alert_answers, alert_rules
from analytics_etl.pipeline.alert_answers import Alert, Alerts
from analytics_etl.pipeline.alert_queries import AlertError

_PREFIX = "/analytics/alerts"
_SAMPLE = "42adf658"
routes = router(_PREFIX, "platform", is_of_tenants=True)
acts = router("", "platform", is_of_tenants=True, right="edit")

FIELDS = {
    "id": "Names the alert for ever.", "name": "Its rule.", "description": "What the rule says is wrong.",
    "severity": "low, medium, high or critical.",
    "status": "pending, triggered, acknowledged, resolved, inactive or no data.",
    "metricName": "What is watched; several metrics have commas between.",
    "condition": "operator, threshold, and duration in seconds; other kinds of rules have the last alone.",
    "labels": "What it is about: family, entity, tenant, grain and so on.",
    "currentValue": "What was last compared with the threshold.", "tenantId": "Tenant; null for the platform itself.",
    "userId": "Always null: an alert is of no single user.",
    "createdAt": "When its newest incident was triggered; of a pending one, when its condition began to hold.",
    "acknowledgedAt": "When somebody took the newest incident in hand.", "acknowledgedBy": "Who did.",
    "resolvedAt": "When the newest incident ended.", "updatedAt": "When its status last changed.",
}  # fmt: skip
_INCIDENTS = {
    "incident": "Number of the incident, from 1.", "triggeredAt": "When it was triggered.",
    "value": "What was compared with the threshold then.", "acknowledgedAt": "When somebody took it in hand.",
    "acknowledgedBy": "Who did.", "resolvedAt": "When it ended.",
    "resolvedBy": "Who ended it; null if its condition did.",
}  # fmt: skip
_CHANGES = {
    "at": "When the status changed.", "incident": "Number of the incident; 0 before the first.",
    "who": "Who changed it; null if the numbers did.", "before": "The status before.", "after": "The status after.",
    "value": "What was compared with the threshold.", "since": "When the condition began to hold.",
}  # fmt: skip
_ONE: dict[str, Any] = {name: column_schema(name, meaning) for name, meaning in FIELDS.items()}
_UNKNOWN, _ACTED = problems.documented(404), problems.documented(404, 408, 409, 413)
_PLACE = Key({"rank": int, "key": str})

AlertId = Annotated[str, Path(pattern="^[0-9a-f]{8}$", description="Id of the alert.")]
Status = Annotated[
    Literal["pending", "triggered", "acknowledged", "resolved", "inactive", "no data"] | None,
    Query(description="A status; all of them by default."),
]
Severity = Annotated[
    Literal["low", "medium", "high", "critical"] | None, Query(description="A severity; all of them by default.")
]


class Said(BaseModel):
    """Why somebody does it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "a bad disk"}]})
    reason: str | None = Field(None, max_length=1_000, description="For the audit log.")


class Silence(BaseModel):
    """For how long, and why."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"hours": 8, "reason": "the disk is changed"}]}
    )
    hours: float = Field(gt=0, le=24 * 366, description="From now on.")
    reason: str = Field(min_length=1, max_length=1_000, description="For the audit log.")


class Seeing:
    """Somebody who asks about alerts."""

    def __init__(self, request: Request, asked: Annotated[Asked, Depends()]) -> None:
        self.asked = asked
        self.who: Identity = request.state.identity
        self.database, self.catalog = asked.database, Catalog.of(asked.settings)

    @property
    def tenant_id(self) -> str | None:
        return self.who.tenant_id

    def alerts(self) -> Alerts:
        """The alerts that he may see."""
        return alert_answers.alerts_of(self.database, self.catalog, self.tenant_id)

    def respond(self, alert: Alert) -> Response:
        """The answer with one alert."""
        [fields] = alert_answers.described(self.database, [alert])
        incidents, _ = alert_answers.history(self.database, alert)
        return self.asked.respond(Answer(incidents, "incidents", fields, list(_INCIDENTS)))


class SeeingWhole(Seeing):
    """The same, for an answer that is computed as a whole."""

    def __init__(self, request: Request, asked: Annotated[AskedWhole, Depends()]) -> None:
        super().__init__(request, asked)


@routes.get("", **documented(f"{_PREFIX}?status=triggered&severity=high", FIELDS))
def alerts(
    seeing: Annotated[Seeing, Depends()], status: Status = None, severity: Severity = None, limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """What is wrong by the rules, and what was: the worst first."""
    after = _PLACE.parameters(cursor, limit)
    seen = seeing.alerts()
    found = [
        {"rank": alert.place[0], "key": alert.key, "alert": alert}
        for alert in seen.found
        if status in (None, str(alert.state.status)) and severity in (None, alert.severity)
        and (after["is_first_page"] or alert.place > (after["after_rank"], after["after_key"]))
    ]  # fmt: skip
    page = _PLACE.page(found, limit)
    rows = alert_answers.described(seeing.database, [row["alert"] for row in page.rows])
    return seeing.asked.respond(
        Answer(rows, columns=list(FIELDS), next_cursor=page.next, newest_day=seen.newest_day)
    )  # fmt: skip


@routes.get("/{alert_id}", responses=_UNKNOWN, **documented(f"{_PREFIX}/{_SAMPLE}", _INCIDENTS, _ONE, "incidents"))
def alert(seeing: Annotated[SeeingWhole, Depends()], alert_id: AlertId) -> Response:
    """One alert, with its incidents; or a rule that was made here, to whose alerts nothing has happened yet."""
    for rule in alert_rules.given(seeing.database, seeing.catalog, seeing.tenant_id):
        fields = alert_answers.of_rule(rule)
        if fields["id"] == alert_id:
            return seeing.asked.respond(Answer((), "incidents", fields, list(_INCIDENTS)))
    with _explained():
        return seeing.respond(seeing.alerts().named(alert_id))


@routes.get("/{alert_id}/history", responses=_UNKNOWN, **documented(f"{_PREFIX}/{_SAMPLE}/history", _CHANGES))
def history(seeing: Annotated[SeeingWhole, Depends()], alert_id: AlertId) -> Response:
    """Every change of an alert, the oldest first: when, by whom, from and to which status, and the value."""
    with _explained():
        _, changes = alert_answers.history(seeing.database, seeing.alerts().named(alert_id))
    return seeing.asked.respond(Answer(changes, columns=list(_CHANGES)))


@acts.post("/{alert_id}/acknowledge", responses=_ACTED, **documented("", _INCIDENTS, _ONE, "incidents"))
def acknowledge(seeing: Annotated[Seeing, Depends()], alert_id: AlertId, said: Said | None = None) -> Response:
    """Say that you look after an alert: it is told no more until it ends."""
    return _command(seeing, alert_id, "acknowledge", said)


@acts.post("/{alert_id}/resolve", responses=_ACTED, **documented("", _INCIDENTS, _ONE, "incidents"))
def resolve(seeing: Annotated[Seeing, Depends()], alert_id: AlertId, said: Said | None = None) -> Response:
    """Say that an alert is over. It is not triggered again before its condition has ended once."""
    return _command(seeing, alert_id, "resolve", said)


@acts.post("/{alert_id}/silence", responses=_ACTED, **documented("", _INCIDENTS, _ONE, "incidents"))
def silence(seeing: Annotated[Seeing, Depends()], alert_id: AlertId, silence: Silence) -> Response:
    """Tell nobody of an alert for some hours. Its status stays; what is still open then is told."""
    check_texts({"reason": silence.reason})
    with _explained():
        alert = alert_answers.silence(
            seeing.database, seeing.catalog, seeing.tenant_id, alert_id, silence.hours, seeing.who.name, silence.reason
        )
    return seeing.respond(alert)


def _command(seeing: Seeing, alert_id: str, kind: Literal["acknowledge", "resolve"], said: Said | None) -> Response:
    reason = said.reason if said else None
    check_texts({"reason": reason})
    with _explained():
        alert = alert_answers.command(
            seeing.database, seeing.catalog, seeing.tenant_id, alert_id, kind, seeing.who.name, reason,
            datetime.now(UTC),
        )  # fmt: skip
    return seeing.respond(alert)


@contextmanager
def _explained() -> Iterator[None]:
    """Say that there is no such alert, or that it is not in a state for that."""
    try:
        yield
    except alert_answers.UnknownAlertError as error:
        raise Problem(404, str(error)) from None
    except AlertError as error:
        raise Problem(409, str(error)) from None


routes.include_router(acts)
