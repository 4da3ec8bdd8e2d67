"""Reads rules from YAML: `sql/<family>/alerts.yaml`, or the text of one rule that a person sends."""

import json
import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from analytics_etl.signals.alerts.matching import matchers_of
from analytics_etl.signals.alerts.rules import (
    Absent,
    AllOf,
    AnyOf,
    Change,
    Comparison,
    Condition,
    Inhibition,
    Ratio,
    Rule,
    Selector,
    leaves,
)

SCHEMA_FILE = "alerts.schema.json"
_LONGEST_SHOWN = 200

_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "number",
        lambda _, value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    ),
)
"""YAML has .nan and .inf, which are no numbers here."""


class RuleError(ValueError):
    """A rule is wrong. The message says file, rule, field, what was expected and what came."""


def load_rules(sql_dir: Path) -> dict[str, Rule]:
    """The rules of all families, by name."""
    schema = json.loads((sql_dir / SCHEMA_FILE).read_text(encoding="utf-8"))
    found: dict[str, Rule] = {}
    places: dict[str, Path] = {}
    for path in sorted(sql_dir.glob("*/alerts.yaml")):
        for rule in read_rules(path.read_text(encoding="utf-8"), str(path), schema):
            if rule.name in found:
                raise RuleError(
                    f"{path}: rule {rule.name}: name: expected a name of its own, but {places[rule.name]} has it, too"
                )
            found[rule.name], places[rule.name] = rule, path
    for rule in found.values():
        _check_inhibitions(rule, found, places[rule.name])
    return found


def read_rules(text: str, where: str, schema: Mapping[str, Any]) -> list[Rule]:
    """The rules of a text. `where` names it in errors; `schema` is the content of `sql/alerts.schema.json`."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RuleError(f"{where}: expected YAML, but {error}") from error
    return rules_of(content, where, schema)


def rules_of(content: Any, where: str, schema: Mapping[str, Any]) -> list[Rule]:
    """The rules of a mapping with the key `rules`, as a text has it."""
    wrong = best_match(_Validator(schema).iter_errors(content))
    if wrong is not None:
        raise RuleError(_said(wrong, where, content))
    rules: list[Rule] = []
    for entry in content["rules"]:
        rule = _rule(entry)
        if rule.name in {other.name for other in rules}:
            raise RuleError(f"{where}: rule {rule.name}: name: expected a name of its own, but two rules have it")
        if rule.hold and any(isinstance(leaf, Absent) for leaf in leaves(rule.condition)):
            raise RuleError(
                f"{where}: rule {rule.name}: for: expected none beside `absent`, whose `after` says how long, "
                f"but is {entry['for']}"
            )
        rules.append(rule)
    return rules


def _check_inhibitions(rule: Rule, rules: Mapping[str, Rule], path: Path) -> None:
    for inhibition in rule.inhibited_by:
        if inhibition.rule not in rules or inhibition.rule == rule.name:
            others = ", ".join(sorted(set(rules) - {rule.name}))
            raise RuleError(
                f"{path}: rule {rule.name}: inhibited_by: expected another rule ({others}), but is {inhibition.rule}"
            )


def _said(error: ValidationError, where: str, content: Any) -> str:
    """File, rule, field, expected, came."""
    parts = list(error.absolute_path)
    rule = ""
    if len(parts) > 1 and parts[0] == "rules":
        entry = content["rules"][parts[1]]
        name = entry.get("name") if isinstance(entry, Mapping) else None
        rule = f" rule {name if isinstance(name, str) else f'number {int(parts[1]) + 1}'}:"
        parts = parts[2:]
    field = f" {'.'.join(map(str, parts))}:" if parts else ""
    schema: Any = error.schema
    given: Any = error.instance
    came = json.dumps(given, default=str, ensure_ascii=False)[:_LONGEST_SHOWN]
    match error.validator:
        case "required":
            missing = [name for name in schema["required"] if name not in given]
            return f"{where}:{rule}{field} expected {', '.join(missing)}, but there is only {came}"
        case "additionalProperties":
            unknown = [name for name in given if name not in schema["properties"]]
            known = ", ".join(schema["properties"])
            return f"{where}:{rule}{field} expected only {known}, but there is {', '.join(map(str, unknown))}"
    return f"{where}:{rule}{field} expected {schema.get('description', error.message)}, but is {came}"


def _rule(entry: Mapping[str, Any]) -> Rule:
    tenant = {"tenant": entry["tenant"]} if "tenant" in entry else {}
    given: dict[str, Any] = {}
    for key, name in (("for", "hold"), ("keep_firing", "keep_firing"), ("gap", "gap"), ("repeat", "repeat")):
        if key in entry:
            given[name] = timedelta(seconds=entry[key])
    given |= {key: entry[key] for key in ("no_data", "sure") if key in entry}
    for key in ("on", "group_by"):
        if key in entry:
            given[key] = tuple(entry[key])
    inhibitions = tuple(Inhibition(one["rule"], tuple(one.get("equal", ()))) for one in entry.get("inhibited_by", ()))
    condition = _condition(entry["when"], tenant)
    return Rule(
        entry["name"], entry["description"], entry["severity"], condition, inhibited_by=inhibitions, **given
    )  # fmt: skip


def _condition(entry: Mapping[str, Any], tenant: Mapping[str, str]) -> Condition:
    if "all" in entry:
        return AllOf(tuple(_condition(one, tenant) for one in entry["all"]))
    if "any" in entry:
        return AnyOf(tuple(_condition(one, tenant) for one in entry["any"]))
    if "absent" in entry:
        return Absent(_selector(entry["absent"], tenant), timedelta(seconds=entry["after"]))
    value: Selector | Ratio | Change
    if "ratio" in entry:
        of, to = entry["ratio"]
        value = Ratio(_selector(of, tenant), _selector(to, tenant))
    elif "change" in entry:
        value = Change(_selector(entry["change"], tenant), timedelta(seconds=entry["over"]))
    else:
        value = _selector(entry, tenant)
    return Comparison(value, entry["operator"], float(entry["threshold"]))


def _selector(entry: Mapping[str, Any], tenant: Mapping[str, str]) -> Selector:
    return Selector(entry["metric"], matchers_of({**tenant, **entry.get("labels", {})}))
