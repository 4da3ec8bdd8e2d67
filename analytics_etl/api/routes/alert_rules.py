"""Routes of the rules of alerts that people give: made, changed, listed and taken away. A tenant has its own."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from analytics_etl.api import problems
from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.problems import Problem
from analytics_etl.api.routes.alerts import FIELDS, Seeing, SeeingWhole
from analytics_etl.api.serving import router
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.families.queries.written import portable_row
from analytics_etl.pipeline import alert_answers, alert_rules

_PREFIX = "/analytics/alerts"
routes = router(_PREFIX, "platform", is_of_tenants=True)
acts = router(_PREFIX, "platform", is_of_tenants=True, right="edit")

_MADE: dict[str, Any] = {
    "description": "The rule is in use from the next judged day on.",
    "content": {"application/json": {"schema": {
        "type": "object", "required": list(FIELDS),
        "properties": {name: {"description": meaning} for name, meaning in FIELDS.items()},
    }}},
}  # fmt: skip
_ACTED = problems.documented(404, 408, 409, 413)


class Condition(BaseModel):
    """What is compared."""

    model_config = ConfigDict(extra="forbid", strict=True)
    operator: Literal[">", "<", ">=", "<=", "==", "!="]
    threshold: float = Field(allow_inf_nan=False)
    duration: float = Field(0, ge=0, le=315_360_000, description="Seconds that it must hold.")


class NewRule(BaseModel):
    """A rule as the former platform had it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{
            "name": "CPU high", "description": "A service has no room left.", "severity": "high",
            "metricName": "cpu_percent", "condition": {"operator": ">", "threshold": 80, "duration": 300},
            "tenantId": "acme",
        }]},
    )  # fmt: skip
    name: str = Field(
        min_length=1, max_length=63,
        description="Its name; in answers with lower-case letters, digits and _ alone. A rule of this name is changed.",
    )  # fmt: skip
    description: str = Field("", max_length=500, description="For the person who is told; the name by default.")
    severity: Literal["low", "medium", "high", "critical"]
    metricName: str = Field(min_length=1, max_length=200, description="A metric that series have.")  # noqa: N815 - theirs
    condition: Condition
    labels: dict[str, str] = Field(default_factory=dict, description="Labels of the series: all of them by default.")
    tenantId: str | None = Field(  # noqa: N815 - theirs
        None, max_length=200, description="A tenant; empty: the platform itself; without it every tenant.",
    )  # fmt: skip
    userId: str | None = Field(None, max_length=200, description="Not kept: an alert is of no single user.")  # noqa: N815

    def entry(self, tenant_id: str | None) -> dict[str, Any]:
        """The rule as `alerts.yaml` would have it."""
        name, compared = alert_rules.name_of(self.name), self.condition
        when = {"metric": self.metricName, "operator": compared.operator, "threshold": compared.threshold}
        return {
            "name": name, "description": self.description or self.name, "severity": self.severity,
            "when": {**when, **({"labels": self.labels} if self.labels else {})}, "for": compared.duration,
            **({} if tenant_id is None else {"tenant": tenant_id}),
        }  # fmt: skip


@acts.post("", status_code=201, responses={201: _MADE, **_ACTED})
def make_rule(seeing: Annotated[Seeing, Depends()], rule: NewRule) -> JSONResponse:
    """Make a rule, or change the one of this name; it answers as an alert that nothing has happened to."""
    own = seeing.tenant_id
    if own is not None and rule.tenantId not in (None, own):
        raise Problem(403, "a token of a tenant makes rules about this tenant alone")
    texts = {
        "name": rule.name,
        "description": rule.description,
        "metricName": rule.metricName,
        "tenantId": rule.tenantId,
    }
    check_texts({**texts, **{text: text for pair in rule.labels.items() for text in pair}})
    tenant = rule.tenantId if own is None else own
    try:
        made = alert_rules.create(seeing.database, seeing.catalog, own, rule.entry(tenant), seeing.who.name)
    except alert_rules.WrongRuleError as error:
        raise Problem(422, str(error)) from None
    except alert_rules.TakenError as error:
        raise Problem(409, str(error)) from None
    return JSONResponse(portable_row(alert_answers.of_rule(made)), 201)


@routes.get("/rules", **documented(f"{_PREFIX}/rules", FIELDS))
def list_rules(seeing: Annotated[SeeingWhole, Depends()]) -> Response:
    """The rules that were made here, by name; those of `sql/<family>/alerts.yaml` are not among them."""
    found = alert_rules.given(seeing.database, seeing.catalog, seeing.tenant_id)
    return seeing.asked.respond(Answer([alert_answers.of_rule(one) for one in found], columns=list(FIELDS)))


@acts.delete("/rules/{name}", status_code=204, responses=_ACTED)
def remove_rule(
    seeing: Annotated[Seeing, Depends()], name: Annotated[str, Path(pattern="^[a-z0-9_]{1,63}$", description="A rule.")]
) -> Response:
    """Take a rule away; its alerts end, and what became of them is kept."""
    try:
        alert_rules.remove(seeing.database, seeing.tenant_id, name, seeing.who.name)
    except alert_rules.UnknownRuleError as error:
        raise Problem(404, str(error)) from None
    return Response(status_code=204)
