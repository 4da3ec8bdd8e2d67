"""What clients see of alerts, in the fields of the former platform: who has a tenant sees the alerts of its own.

What a person types and reads is in `alert_queries`, which also carries commands out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as books
from analytics_etl.pipeline import alert_queries
from analytics_etl.pipeline.alert_queries import AlertError, alert_id
from analytics_etl.pipeline.alert_rules import GivenRule, rules_in_use
from analytics_etl.pipeline.alerts import all_measures, commands_after, judge, midnight, preview, transition_of
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.incidents import Incident, incidents_of
from analytics_etl.signals.alerts.rules import SEVERITIES, Comparison, Rule, alert_key
from analytics_etl.signals.alerts.sentences import sentence
from analytics_etl.signals.alerts.states import OPEN, AlertState, Command, Status, Transition, from_json

Row = dict[str, Any]
_MICROSECOND = timedelta(microseconds=1)


class UnknownAlertError(AlertError):
    """There is no alert of this name that the caller may see."""


@dataclass(frozen=True)
class Alert:
    """An alert as it is now: what its judged days made of it, and what people said since."""

    key: str
    state: AlertState
    rule: Rule | None
    """None: it was removed."""
    said: Sequence[Transition]
    """What became of it since the newest judged day."""

    @property
    def severity(self) -> str:
        return self.rule.severity_in(self.state.status) if self.rule else SEVERITIES[0]

    @property
    def is_open(self) -> bool:
        return self.state.status in OPEN

    @property
    def place(self) -> tuple[int, str]:
        """Its place in a list: the worst first."""
        return -SEVERITIES.index(self.severity), self.key


@dataclass(frozen=True)
class Alerts:
    """All alerts that somebody may see: those that are open or pending, and those that ended."""

    found: Sequence[Alert]
    newest_day: date | None
    """The last day that was judged."""

    def named(self, name: str) -> Alert:
        """The alert with an id; UnknownAlertError if there is none."""
        for alert in self.found:
            if name == alert_id(alert.key):
                return alert
        raise UnknownAlertError(f"there is no alert {name}")


def alerts_of(database: Database, catalog: Catalog, tenant_id: str | None) -> Alerts:
    """The alerts of a tenant, or all of them, the worst first."""
    with database.transaction() as connection:
        rules = rules_in_use(connection, catalog)
        last = books.judged_until(connection)
        if last is None:
            return Alerts((), None)
        after = last + timedelta(days=1)
        states = [from_json(state) for state in books.states_before(connection, after)]
        said = commands_after(connection, midnight(after))
    found = (
        _alert(state, rules.get(state.rule), said)
        for state in states
        if tenant_id is None or state.labels.get("tenant") == tenant_id
    )
    kept = (one for one in found if one.state.incident or one.state.status is Status.PENDING)
    return Alerts(sorted(kept, key=lambda one: one.place), last)


def described(database: Database, alerts: Sequence[Alert]) -> list[Row]:
    """Alerts in the fields of the former platform."""
    happened = _happened(database, alerts)
    return [_row(alert, happened[alert.key]) for alert in alerts]


def sentences(catalog: Catalog, alerts: Sequence[Alert]) -> list[str]:
    """What is wrong, alert by alert, as people say it."""
    measures = all_measures(catalog)
    return [
        sentence(one.rule, one.state.labels, one.state.value, measures) if one.rule else "The rule was removed."
        for one in alerts
    ]


def of_rule(given: GivenRule) -> Row:
    """A rule of the API in the same fields, as an alert that nothing has happened to."""
    rule = given.rule
    return {
        "id": alert_id(alert_key(rule.name, {})), "name": rule.name, "description": rule.description,
        "severity": rule.severity, "status": str(Status.INACTIVE), "metricName": rule.metric,
        "condition": _condition(rule), "labels": {}, "currentValue": None, "tenantId": given.tenant_id, "userId": None,
        "createdAt": given.made_at, "acknowledgedAt": None, "acknowledgedBy": None, "resolvedAt": None,
        "updatedAt": given.changed_at,
    }  # fmt: skip


def history(database: Database, alert: Alert) -> tuple[list[Row], list[Row]]:
    """(incidents, changes) of an alert, the oldest first."""
    happened = _happened(database, [alert])[alert.key]
    incidents = [
        {
            "incident": one.number, "triggeredAt": one.triggered_at, "value": one.value,
            "acknowledgedAt": one.acknowledged_at, "acknowledgedBy": one.acknowledged_by,
            "resolvedAt": one.resolved_at, "resolvedBy": one.resolved_by,
        }
        for one in incidents_of(happened)
    ]  # fmt: skip
    changes = [
        {
            "at": one.at, "incident": one.incident, "who": one.who, "before": str(one.before), "after": str(one.after),
            "value": one.value, "since": one.since,
        }
        for one in happened
    ]  # fmt: skip
    return incidents, changes


def command(
    database: Database, catalog: Catalog, tenant_id: str | None, name: str, kind: Literal["acknowledge", "resolve"],
    who: str, reason: str | None, now: datetime,
) -> Alert:  # fmt: skip
    """Acknowledge or resolve an alert; return it as it is then. AlertError if there is nothing to do it to."""
    judge(database, catalog)
    key = alerts_of(database, catalog, tenant_id).named(name).key
    alert_queries.command(database, catalog, key, kind, who, reason, now)
    return alerts_of(database, catalog, tenant_id).named(name)


def silence(
    database: Database, catalog: Catalog, tenant_id: str | None, name: str, hours: float, who: str, reason: str
) -> Alert:  # fmt: skip
    """Tell nobody of one alert for some hours."""
    alert = alerts_of(database, catalog, tenant_id).named(name)
    labels = alert.state.labels
    if any("*" in value for value in labels.values()):
        raise AlertError(f"{alert.key}: a silence takes * for any text, so it would hold for other alerts, too")
    # A label that is named without a value must be missing: an alert of the platform is not that of a tenant.
    matchers = {"tenant": "", **labels, "alertname": alert.state.rule}
    now = datetime.now(UTC)
    alert_queries.silence(database, matchers, now, now + timedelta(hours=hours), who, reason)
    return alert


def _alert(state: AlertState, rule: Rule | None, said: Mapping[str, Sequence[Command]]) -> Alert:
    key = alert_key(state.rule, state.labels)
    commands = said.get(key, ())
    if rule is None or not commands:
        return Alert(key, state, rule, ())
    seen = preview(rule, state, commands)
    # The preview has them as so many microseconds after the judged day; people know when they said them.
    moved = [
        one if one.who is None else replace(one, at=commands[(one.at - state.until) // _MICROSECOND - 1].at)
        for one in seen.transitions
    ]
    return Alert(key, seen.state, rule, moved)


def _happened(database: Database, alerts: Iterable[Alert]) -> dict[str, list[Transition]]:
    """{key: all changes} of alerts, in order."""
    found = {alert.key: alert for alert in alerts}
    happened: dict[str, list[Transition]] = {key: [] for key in found}
    for row in database.run(books.transitions_of, list(found)):
        happened[row["alert_key"]].append(transition_of(row))
    return {key: [*changes, *found[key].said] for key, changes in happened.items()}


def _row(alert: Alert, happened: Sequence[Transition]) -> Row:
    state, rule = alert.state, alert.rule
    incident = next((one for one in incidents_of(happened) if one.number == state.incident), None)
    if state.status is Status.PENDING:
        incident = None  # of this time there is none yet
    return {
        "id": alert_id(alert.key),
        "name": state.rule,
        "description": rule.description if rule else "The rule was removed.",
        "severity": alert.severity,
        "status": str(state.status),
        "metricName": ", ".join(sorted({one.metric for one in rule.selectors})) if rule else None,
        "condition": _condition(rule),
        "labels": dict(state.labels),
        "currentValue": state.value,
        "tenantId": state.labels.get("tenant"),
        "userId": None,
        "createdAt": incident.triggered_at if incident else state.since,
        **_ends(incident),
        "updatedAt": happened[-1].at if happened else state.since,
    }


def _ends(incident: Incident | None) -> Row:
    return {
        "acknowledgedAt": incident and incident.acknowledged_at,
        "acknowledgedBy": incident and incident.acknowledged_by,
        "resolvedAt": incident and incident.resolved_at,
    }


def _condition(rule: Rule | None) -> Row:
    """What a rule compares, and for how many seconds; a rule of another kind has neither operator nor threshold."""
    compared = rule.condition if rule and isinstance(rule.condition, Comparison) else None
    return {
        "operator": compared and compared.operator,
        "threshold": compared and compared.threshold,
        "duration": rule and rule.hold.total_seconds(),
    }
