"""Rules as alerting rules of Prometheus: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import yaml

from analytics_etl.signals.alerts.rules import (
    Absent,
    AllOf,
    AnyOf,
    Change,
    Comparison,
    Condition,
    Ratio,
    Rule,
    Selector,
)

GROUP = "analytics_etl"


def prometheus_rules(rules: Iterable[Rule]) -> str:
    """The text of a rule file. The metrics' names are those of the rules, with _ for what Prometheus does not allow.

    Gap tolerance, inhibition, grouping and repeats are no part of such a file: Alertmanager's configuration has them.
    """
    entries = [_entry(rule) for rule in rules]
    return yaml.safe_dump({"groups": [{"name": GROUP, "rules": entries}]}, sort_keys=False, width=110)


def expression(condition: Condition, on: tuple[str, ...] | None = None) -> str:
    """A condition in PromQL. Series are joined on the labels `on`, or on all that they have."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            name = "and" if isinstance(condition, AllOf) else "or"
            word = f" {name}{_on(on)} "
            return word.join(f"({expression(one, on)})" for one in conditions)
        case Absent(selector, after):
            return f"absent_over_time({_series(selector)}[{_duration(after)}])"
        case Comparison(value, operator, threshold):
            return f"{_value(value, on)} {operator} {threshold:.15g}"


def _entry(rule: Rule) -> dict[str, Any]:
    entry: dict[str, Any] = {"alert": rule.name, "expr": expression(rule.condition, rule.on)}
    if rule.hold:
        entry["for"] = _duration(rule.hold)
    if rule.keep_firing:
        entry["keep_firing_for"] = _duration(rule.keep_firing)
    summary = rule.description.replace("{{", '{{ "{{" }}')
    return {**entry, "labels": {"severity": rule.severity}, "annotations": {"summary": summary}}


def _value(value: Selector | Ratio | Change, on: tuple[str, ...] | None) -> str:
    match value:
        case Ratio(of, to):
            # Without `on`, the two sides would have to agree in every label.
            return f"{_series(of)} /{_on(on)} ({_series(to)} != 0)"
        case Change(selector, over):
            before = f"{_series(selector)} offset {_duration(over)}"
            return f"({_series(selector)} - {before}) / abs({before} != 0)"
    return _series(value)


def _series(selector: Selector) -> str:
    matchers = ",".join(matcher.promql for matcher in selector.matchers)
    return re.sub(r"[^a-zA-Z0-9_:]", "_", selector.metric) + (f"{{{matchers}}}" if matchers else "")


def _on(names: tuple[str, ...] | None) -> str:
    return "" if names is None else f" on ({', '.join(names)})"


def _duration(time: timedelta) -> str:
    """Whole seconds are written so, anything finer in milliseconds."""
    milliseconds = time // timedelta(milliseconds=1)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
