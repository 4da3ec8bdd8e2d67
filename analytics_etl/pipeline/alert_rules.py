"""The rules of alerts that are in use: those of `sql/<family>/alerts.yaml`, and those that people gave the API."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops import alert_rules, live
from analytics_etl.ops.alerts import begin_judging
from analytics_etl.ops.records import record_audit
from analytics_etl.pipeline.anomalies import measures_of
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from analytics_etl.signals.alerts.reading import SCHEMA_FILE, RuleError, load_rules, rules_of
from analytics_etl.signals.alerts.rules import Rule

WHERE = "the rules of the API"
MOST_RULES = 500
"""Of the API, all tenants together: each is judged with every day."""
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class GivenRule:
    """A rule that somebody gave the API."""

    rule: Rule
    tenant_id: str | None
    """None: it is about every tenant."""
    made_at: datetime
    changed_at: datetime


class WrongRuleError(ValueError):
    """It is no rule, or none that could ever hold; the message says why."""


class TakenError(ValueError):
    """The name is that of a rule of somebody else, or there is no room for another rule."""


class UnknownRuleError(ValueError):
    """There is no such rule that the caller may change."""


def rules_in_use(connection: Connection, catalog: Catalog) -> dict[str, Rule]:
    """All rules by name; one of a file takes the place of one of the API."""
    given = [row["rule"] for row in alert_rules.current(connection)]
    return {**{rule.name: rule for rule in _read(catalog, given)}, **load_rules(catalog.sql_dir)}


def create(
    database: Database, catalog: Catalog, tenant_id: str | None, entry: Entry, who: str
) -> GivenRule:  # fmt: skip
    """Take a rule, or a newer version of one, in the form of `alerts.yaml`; `tenant_id` is whose token asks.

    WrongRuleError for what is no rule, TakenError for a name that is in use.
    """
    try:
        [rule] = _read(catalog, [entry])
    except RuleError as error:
        raise WrongRuleError(str(error)) from None
    unknown = sorted({selector.metric for selector in rule.selectors} - known_metrics(catalog))
    if unknown:
        known = ", ".join(sorted(known_metrics(catalog)))
        raise WrongRuleError(
            f"there is no series of {', '.join(unknown)}, so that it would never hold; expected one of {known}"
        )
    with database.transaction() as connection:
        begin_judging(connection)
        found = {row["name"]: row for row in alert_rules.current(connection)}
        is_own = rule.name not in found or _is_of(found[rule.name], tenant_id)
        if rule.name in load_rules(catalog.sql_dir) or not is_own:
            raise TakenError(f"there is a rule {rule.name}, which is not yours to change: choose another name")
        if rule.name not in found and len(found) >= MOST_RULES:
            raise TakenError(f"there are {MOST_RULES} rules already: take one away first")
        alert_rules.record(connection, rule.name, entry, who)
        record_audit(connection, who, "set alert rule", rule.name, None)
        live.tell(connection, "alerts")
        [row] = [row for row in alert_rules.current(connection) if row["name"] == rule.name]
    return _given(rule, row)


def remove(database: Database, tenant_id: str | None, name: str, who: str) -> None:
    """Take a rule of the API away; UnknownRuleError if there is none that the caller may change."""
    with database.transaction() as connection:
        begin_judging(connection)
        if not any(row["name"] == name and _is_of(row, tenant_id) for row in alert_rules.current(connection)):
            raise UnknownRuleError(f"there is no rule {name} that was given to the API")
        alert_rules.record(connection, name, None, who)
        record_audit(connection, who, "remove alert rule", name, None)
        live.tell(connection, "alerts")


def given(database: Database, catalog: Catalog, tenant_id: str | None) -> list[GivenRule]:
    """The rules of the API that somebody may see, by name."""
    rows = [row for row in database.run(alert_rules.current) if _is_of(row, tenant_id)]
    rules = _read(catalog, [row["rule"] for row in rows])
    return [_given(rule, row) for rule, row in zip(rules, rows, strict=True)]


def known_metrics(catalog: Catalog) -> set[str]:
    """The metrics of the series that rules may read."""
    return {metric for family, _ in catalog.measures for metric in measures_of(catalog, family)}


def name_of(text: str) -> str:
    """The name of a rule as labels and Prometheus take it: lower-case letters, digits and _."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:63]


def _given(rule: Rule, row: Mapping[str, Any]) -> GivenRule:
    return GivenRule(rule, row["rule"].get("tenant"), row["first_at"], row["created_at"])


def _is_of(row: Mapping[str, Any], tenant_id: str | None) -> bool:
    """Whether a rule is one that the tenant may see and change; without a tenant all are."""
    return tenant_id is None or row["rule"].get("tenant") == tenant_id


def _read(catalog: Catalog, entries: list[Any]) -> list[Rule]:
    if not entries:
        return []
    schema = json.loads((catalog.sql_dir / SCHEMA_FILE).read_text(encoding="utf-8"))
    return rules_of({"rules": entries}, WHERE, schema)
