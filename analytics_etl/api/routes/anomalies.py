"""Routes of anomalies: what was unusual, and what people say of it. A tenant sees the anomalies of its own."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from analytics_etl.api import problems
from analytics_etl.api.access import Identity
from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import AskedWhole, router
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.pipeline import anomalies as of_families
from analytics_etl.pipeline.anomalies import MOST_DAYS, AnomalyError, Verdict

_PREFIX = "/analytics/anomalies"
routes = router(_PREFIX, "platform", is_of_tenants=True)
acts = router("", "platform", is_of_tenants=True, right="edit")

_FIELDS = {
    "anomaly": "Names the anomaly for ever.", "day": "UTC day on which it begins.",
    "bucket": "Start of the bucket in which it begins.", "grain": "Length of the bucket, 1h or 1d.",
    "family": "Of the series.", "tenant_id": "Tenant; null for the platform itself.",
    "severity": "low, medium, high or critical.", "sentence": "What happened.",
    "cause": "What explains the change of a total; null where that is not known.",
    "incident_id": "Anomalies with the same one began together.",
    "verdict": "confirmed or dismissed; null as long as nobody said anything.", "who": "Who said so.",
}  # fmt: skip
_UNKNOWN = problems.documented(404, 408, 413)

AnomalyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="Id of the anomaly.")]
Severity = Annotated[
    Literal["low", "medium", "high", "critical"], Query(description="This severity and worse.")
]  # fmt: skip


class Rated(BaseModel):
    """Why somebody says so."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "a load test"}]})
    reason: str | None = Field(None, max_length=1_000, description="For the audit log.")


class Seeing:
    """Somebody who asks about anomalies."""

    def __init__(self, request: Request, asked: Annotated[AskedWhole, Depends()]) -> None:
        self.asked = asked
        self.who: Identity = request.state.identity
        self.database, self.catalog = asked.database, Catalog.of(asked.settings)


@routes.get("", **documented(f"{_PREFIX}?days=7&severity=high", _FIELDS))
def anomalies(
    seeing: Annotated[Seeing, Depends()],
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="Newest days.")] = 7, severity: Severity = "low",
) -> Response:  # fmt: skip
    """The anomalies of the newest days, the newest day first, the worst of a day first."""
    rows = of_families.begun(seeing.database, seeing.catalog, days, seeing.who.tenant_id, severity)
    return seeing.asked.respond(Answer(rows, columns=list(_FIELDS)))


@acts.post("/{anomaly_id}/confirm", responses=_UNKNOWN, **documented("", _FIELDS))
def confirm(seeing: Annotated[Seeing, Depends()], anomaly_id: AnomalyId, said: Rated | None = None) -> Response:
    """Say that something was wrong: it is no part of what is expected, so that the next one like it is told, too."""
    return _say(seeing, anomaly_id, "confirmed", said)


@acts.post("/{anomaly_id}/dismiss", responses=_UNKNOWN, **documented("", _FIELDS))
def dismiss(seeing: Annotated[Seeing, Depends()], anomaly_id: AnomalyId, said: Rated | None = None) -> Response:
    """Say that nothing was wrong: what is unusual in the same way in this series counts half from now on."""
    return _say(seeing, anomaly_id, "dismissed", said)


def _say(seeing: Seeing, name: str, verdict: Verdict, said: Rated | None) -> Response:
    reason = said.reason if said else None
    check_texts({"reason": reason})
    try:
        row = of_families.say(
            seeing.database, seeing.catalog, name, verdict, seeing.who.name, reason, datetime.now(UTC),
            tenant_id=seeing.who.tenant_id,
        )  # fmt: skip
    except AnomalyError as error:
        raise Problem(404, str(error)) from None
    return seeing.asked.respond(Answer([row], columns=list(_FIELDS)))


routes.include_router(acts)
