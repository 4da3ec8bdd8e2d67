"""What people see of alerts, and what they do to them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alerts as books
from analytics_etl.ops import live
from analytics_etl.ops.records import record_audit
from analytics_etl.pipeline.alert_rules import rules_in_use
from analytics_etl.pipeline.alerts import (
    all_measures,
    commands_after,
    midnight,
    preview,
    series_of_days,
    transition_of,
)
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.incidents import incidents_of
from analytics_etl.signals.alerts.matching import written
from analytics_etl.signals.alerts.prometheus import prometheus_rules
from analytics_etl.signals.alerts.reading import SCHEMA_FILE, load_rules, read_rules
from analytics_etl.signals.alerts.rules import SEVERITIES, Rule, alert_key
from analytics_etl.signals.alerts.sentences import Measures, sentence
from analytics_etl.signals.alerts.states import AlertState, Command, Status, from_json
from analytics_etl.signals.alerts.watching import replay

Row = dict[str, Any]


class AlertError(ValueError):
    """An alert or rule that is not there; the message says what to type."""


def alert_id(key: str) -> str:
    """What a person types to name an alert: eight characters that stay the same for ever."""
    return hashlib.blake2b(key.encode(), digest_size=4).hexdigest()


def current(database: Database, catalog: Catalog, *, with_ended: bool = False) -> list[Row]:
    """The alerts that are open or pending, the worst first; with those that have ended, if wanted."""
    measures = all_measures(catalog)
    with database.transaction() as connection:
        rules = rules_in_use(connection, catalog)
        states, last = _states(connection)
        said = commands_after(connection, midnight(last + timedelta(days=1))) if last else {}
        ever = books.transitions(connection)
    triggers = [row for row in ever if row["state_after"] == Status.TRIGGERED and row["state_before"] != Status.NO_DATA]
    latest = {(row["alert_key"], row["incident"]): row for row in triggers}
    found = []
    for key, before in states.items():
        state = preview(rules[before.rule], before, said.get(key, ())).state if before.rule in rules else before
        if (with_ended and state.incident) or state.has_incident or state.status is Status.PENDING:
            triggered = latest.get((key, state.incident))
            found.append(_row(key, state, rules.get(state.rule), triggered, measures))
    return sorted(found, key=lambda row: (-SEVERITIES.index(row["severity"]), row["rule"], row["labels"]))


def history(database: Database, name: str) -> tuple[list[Row], list[Row]]:
    """(incidents, transitions) of an alert."""
    with database.transaction() as connection:
        found = books.transitions(connection, key=_key(connection, name))
    incidents = [
        {
            "incident": one.number, "since": one.since, "triggered_at": one.triggered_at, "value": one.value,
            "acknowledged_at": one.acknowledged_at, "acknowledged_by": one.acknowledged_by,
            "resolved_at": one.resolved_at, "resolved_by": one.resolved_by,
            "seconds_to_acknowledge": _seconds(one.time_to_acknowledge),
            "seconds_to_resolve": _seconds(one.time_to_resolve),
        }
        for one in incidents_of(map(transition_of, found))
    ]  # fmt: skip
    columns = ("happened_at", "incident", "who", "state_before", "state_after", "value", "since")
    return incidents, [{name: row[name] for name in columns} for row in found]


def command(
    database: Database, catalog: Catalog, name: str, kind: Literal["acknowledge", "resolve"], who: str,
    reason: str | None, now: datetime,
) -> str:  # fmt: skip
    """Acknowledge or resolve an alert; return its key. Raise AlertError if there is nothing to do it to."""
    with database.transaction() as connection:
        books.begin_judging(connection)
        rules = rules_in_use(connection, catalog)
        key = _key(connection, name)
        states, _ = _states(connection)
        if key not in states or states[key].rule not in rules:
            raise AlertError(f"nothing to {kind}: {key} is inactive")
        state = states[key]
        # What is said of a day that is judged already counts from its end on.
        said = Command(kind, max(now, state.until + timedelta(microseconds=1)), who)
        before = commands_after(connection, state.until).get(key, [])
        ignored = preview(rules[state.rule], state, [*before, said]).ignored
        if len(ignored) > len(preview(rules[state.rule], state, before).ignored):
            raise AlertError(f"{key}: {ignored[-1][1]}")
        books.command(connection, key, kind, said.at, who, reason)
        record_audit(connection, who, f"{kind} alert", key, reason)
        live.tell(connection, "alerts")
    return key


def silence(
    database: Database, matchers: Mapping[str, str], starts_at: datetime, ends_at: datetime, who: str, reason: str,
    weekdays: Sequence[int] = (), hours: tuple[str, str] = ("00:00", "00:00"),
) -> None:  # fmt: skip
    """Tell nobody of the alerts with these labels, from one moment to another, or in some hours of some weekdays."""
    if ends_at <= starts_at:
        raise AlertError(f"a silence ends after it begins, but {ends_at} is not after {starts_at}")
    recurrence = {"weekdays": sorted(weekdays), "start": hours[0], "end": hours[1]} if weekdays else None
    row = {
        "matchers": dict(matchers), "starts_at": starts_at, "ends_at": ends_at, "recurrence": recurrence, "who": who,
        "reason": reason,
    }  # fmt: skip
    with database.transaction() as connection:
        books.silence(connection, row)
        record_audit(connection, who, "silence alerts", json.dumps(row["matchers"], sort_keys=True), reason)


def tried(database: Database, catalog: Catalog, rule: Rule, first: date, last: date) -> list[Row]:
    """The transitions that a rule would have had in the days first to last."""
    with database.transaction() as connection:
        series = series_of_days(connection, catalog, [rule], first, last)
    found = replay(rule, series, midnight(first), midnight(last + timedelta(days=1)))
    return [
        {
            "happened_at": one.at, "labels": written(one.labels), "incident": one.incident,
            "state_before": str(one.before), "state_after": str(one.after), "value": one.value,
        }
        for one in found
    ]  # fmt: skip


def rule_named(catalog: Catalog, name: str, path: Path | None = None) -> Rule:
    """A rule of the project, or of a file that is tried before it is put there."""
    if path is None:
        rules = load_rules(catalog.sql_dir)
    else:
        schema = json.loads((catalog.sql_dir / SCHEMA_FILE).read_text(encoding="utf-8"))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AlertError(f"the rules in {path} cannot be read: {error}") from error
        rules = {rule.name: rule for rule in read_rules(text, str(path), schema)}
    if name not in rules:
        raise AlertError(f"there is no rule {name}, expected one of {', '.join(sorted(rules))}")
    return rules[name]


def exported(catalog: Catalog, names: Sequence[str] = ()) -> str:
    """The rules, or some of them, as a rule file of Prometheus."""
    rules = [rule_named(catalog, name) for name in names] if names else load_rules(catalog.sql_dir).values()
    return prometheus_rules(rules)


def _states(connection: Connection) -> tuple[dict[str, AlertState], date | None]:
    """The states at the end of the newest judged day, and that day."""
    last = books.judged_until(connection)
    if last is None:
        return {}, None
    states = map(from_json, books.states_before(connection, last + timedelta(days=1)))
    return {alert_key(state.rule, state.labels): state for state in states}, last


def _key(connection: Connection, name: str) -> str:
    """The key of the alert that a person named."""
    known: set[str] = {row["alert_key"] for row in books.transitions(connection)}
    for key in sorted(known):
        if name in (key, alert_id(key)):
            return key
    raise AlertError(f"there is no alert {name}: analytics-etl alerts list --all shows all of them")


def _row(key: str, state: AlertState, rule: Rule | None, triggered: Row | None, measures: Measures) -> Row:
    return {
        "alert": alert_id(key),
        "status": str(state.status),
        "severity": rule.severity_in(state.status) if rule else "low",
        "rule": state.rule,
        "labels": written(state.labels),
        "triggered_at": triggered and triggered["happened_at"],
        "value": state.value,
        "sentence": sentence(rule, state.labels, state.value, measures) if rule else "The rule was removed.",
    }


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
