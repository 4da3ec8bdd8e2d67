"""The message about a group of alerts: which fire, which are resolved, and what to type."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from analytics_etl.alerting.messages import LONGEST_BODY, MANY, SUBJECT_LENGTH, Message
from analytics_etl.alerting.text import harmless
from analytics_etl.signals.alerts.matching import written
from analytics_etl.signals.alerts.notices import Notice, OpenAlert
from analytics_etl.signals.alerts.rules import Rule
from analytics_etl.signals.alerts.sentences import NOTHING_TOLD, Measures, sentence
from analytics_etl.signals.alerts.states import Status
from analytics_etl.text.english import counted

_OWN = ("alertname", "severity")


def alerts_message(
    notice: Notice, rules: Mapping[str, Rule], owners: Sequence[str], measures: Measures = NOTHING_TOLD
) -> Message:
    """The message of a notice. `rules` has the rule of each of its alerts, `measures` what their numbers are."""
    firing = [alert for alert in notice.alerts if alert.resolved_at is None]
    resolved = [alert for alert in notice.alerts if alert.resolved_at is not None]
    what = " ".join(dict.fromkeys(alert.rule for alert in notice.alerts))
    word = f"{notice.severity.upper()}" if firing else "RESOLVED"
    where = written({name: value for name, value in notice.group.items() if name != "alertname"})
    where = f" {where}" if where != "{}" else ""
    counts = ", ".join(
        counted(len(alerts), f"alert {how}", f"alerts {how}")
        for how, alerts in (("firing", firing), ("resolved", resolved))
        if alerts
    )
    lines = [
        f"{counts}.",
        "",
        *(line for alert in notice.alerts[:MANY] for line in _lines(alert, rules[alert.rule], measures)),
    ]
    if len(notice.alerts) > MANY:
        lines.append(f"... and {len(notice.alerts) - MANY} more.")
    return Message(
        notice.key,
        "alerts",
        harmless(f"[analytics_etl] {word}: {what}{where}: {counts}", SUBJECT_LENGTH),
        harmless("\n".join(lines).strip(), LONGEST_BODY, keep_lines=True) + "\n",
        tuple(owners),
        notice.severity,
        tuple(_alert(alert, rules[alert.rule]) for alert in notice.alerts),
        group_labels=notice.group,
    )


def _lines(alert: OpenAlert, rule: Rule, measures: Measures) -> list[str]:
    about = {name: value for name, value in alert.labels.items() if name not in _OWN}
    state = f"resolved at {_moment(alert.resolved_at)}" if alert.resolved_at else f"since {_moment(alert.triggered_at)}"
    gone = ", no data now" if alert.status is Status.NO_DATA else ""
    return [
        harmless(sentence(rule, about, alert.value, measures)),
        f"  {alert.rule} ({rule.severity}) {state}{gone}",
        f"  {harmless(rule.description)}",
        f"  {harmless(written(about))}",
        "",
    ]


def _alert(alert: OpenAlert, rule: Rule) -> dict[str, str]:
    ended = {"ends_at": alert.resolved_at.isoformat()} if alert.resolved_at else {}
    labels = {name: harmless(value) for name, value in alert.labels.items()}
    summary = harmless(rule.description)
    return {**labels, "summary": summary, "starts_at": alert.triggered_at.isoformat(), **ended}


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
