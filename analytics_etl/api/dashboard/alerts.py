"""The page of alerts: what is wrong by the rules, what people may do about it, and what has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from analytics_etl.api.dashboard.values import Card, Page, Question, Section, Table
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.families.queries import Row
from analytics_etl.pipeline import alert_answers
from analytics_etl.pipeline.alert_answers import Alert

MOST_FORMS = 50
"""Open alerts with a form: the worst ones."""
MOST_ENDED = 50
HOURS: Mapping[int, str] = {1: "1 hour", 8: "8 hours", 24: "1 day", 168: "1 week"}
"""For how long an alert may be silenced here."""
_LABELS = {
    "severity": "Severity", "status": "State", "sentence": "What is wrong", "createdAt": "Since",
    "acknowledgedBy": "Looked after by", "tenantId": "Tenant", "name": "Rule", "description": "What it means",
}  # fmt: skip
_KINDS = {"createdAt": "moment", "resolvedAt": "moment", "description": "text", "sentence": "text"}
Act = Literal["acknowledge", "resolve", "silence"]
ACTS: Mapping[str, Act] = {"acknowledge": "acknowledge", "resolve": "resolve", "silence": "silence"}


@dataclass(frozen=True)
class Acting:
    """What somebody may do on the page."""

    alerts: Sequence[Row]
    hours: Mapping[int, str]


def overview(question: Question, tenant_id: str | None, *, may_act: bool) -> tuple[Page, Acting]:
    """The alerts that somebody may see, and those he may do something about; of one tenant, if that is asked for."""
    database, catalog = question.database, Catalog.of(question.database.settings)
    seen = alert_answers.alerts_of(database, catalog, tenant_id).found
    tenants = sorted({one.state.labels.get("tenant", "") for one in seen})
    wanted = [one for one in seen if question.tenant in (None, one.state.labels.get("tenant", ""))]
    are_open, others = _split(wanted)
    shown, ended = (_rows(question, catalog, of) for of in (are_open, others[:MOST_ENDED]))
    page = Page(
        "Alerts", "/alerts",
        [
            Section("What is wrong?", Table("open", shown, _LABELS, kinds=_KINDS), empty="No alert is open."),
            Section(
                "What ended, or is about to begin?",
                Table("others", ended, {**_LABELS, "resolvedAt": "Ended"}, kinds=_KINDS), empty="Nothing yet.",
            ),
        ],
        [
            Card("Open", len(shown)),
            Card("Nobody looks after", sum(row["acknowledgedBy"] is None for row in shown)),
            Card("High or critical", sum(row["severity"] in ("high", "critical") for row in shown)),
        ],
        tenants=tenants, tenant=question.tenant,
    )  # fmt: skip
    return page, Acting(shown[:MOST_FORMS] if may_act else (), HOURS)


def act(
    question: Question, tenant_id: str | None, alert_id: str, kind: Act, who: str, reason: str | None, hours: int
) -> None:
    """Do something about an alert; AlertError if it cannot be done."""
    database, catalog = question.database, Catalog.of(question.database.settings)
    if kind == "silence":
        alert_answers.silence(database, catalog, tenant_id, alert_id, hours, who, reason or "")
    else:
        alert_answers.command(database, catalog, tenant_id, alert_id, kind, who, reason, datetime.now(UTC))


def _split(found: Sequence[Alert]) -> tuple[list[Alert], list[Alert]]:
    return [one for one in found if one.is_open], [one for one in found if not one.is_open]


def _rows(question: Question, catalog: Catalog, alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    said = alert_answers.sentences(catalog, alerts)
    rows = alert_answers.described(question.database, alerts)
    return [{**row, "sentence": sentence} for row, sentence in zip(rows, said, strict=True)]
