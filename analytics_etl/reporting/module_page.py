"""The page of a module as a value: its score with parts and history, versions, changes, fields, who depends on it.

Everything follows from the rows of the queries `registry.module_page_*`: no clock, and no day but those of the rows, so
that a page changes only when something on it does.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.badge import BADGE_TONES
from analytics_etl.reporting.module_files import LISTS, PAGES_FOLDER, SUFFIXES, module_file
from analytics_etl.reporting.module_sections import SECTIONS, WEEKS, Module, Rows
from analytics_etl.reporting.period import Column, Row, section

SCHEMA_VERSION = 1
_PARTS: Mapping[str, str] = {
    "complexity": "little complexity",
    "maintainability": "maintainability",
    "unused": "few unused fields",
    "deprecated": "little that is deprecated",
    "breaking": "few breaking changes",
}
"""Part of a score -> what is good."""


def module_window(newest_day: date) -> tuple[date, date]:
    """The days [start, end) that the queries are asked for. They begin on a Monday: the first day moves once a week."""
    return newest_day - timedelta(newest_day.weekday() + 7 * (WEEKS - 1)), newest_day + timedelta(1)


def build_module(health: Row, rows: Rows, weights: Mapping[str, float], unused_days: int) -> dict[str, Any]:
    """The one value of a page, of the module's row of `module_page_health` and its rows of the other queries."""
    module = Module(health, rows, weights, unused_days)
    name = health["module_name"]
    file = module_file(name)
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "title": f"Module {wording.name(name)}",
        "module_name": name,
        "last_change_day": max(_days(rows), default=None),
        "score": {
            field: health[field]
            for field in ("version", "format", "overall_score", "badge", "coverage_ratio", "formula_version")
        },
        "sentence": _sentence(module),
        "kpis": _kpis(module),
        "sections": [{"name": make.__name__, **make(module)} for make in SECTIONS],
        "links": {
            "index": "../index.html", "modules": f"../{LISTS['html']}", "json": f"{file}.json", "badge": f"{file}.svg"
        },
    }  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps(value, default=date.isoformat))
    return found


def module_entry(page: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a page in the list of modules."""
    file = module_file(page["module_name"])
    counts = {kpi["name"]: kpi["value"] for kpi in page["kpis"]}
    return {
        "module_name": page["module_name"],
        **{field: page["score"][field] for field in ("version", "format", "overall_score", "badge")},
        **{field: counts[field] for field in ("download_count", "dependent_count", "version_count")},
        "recommendation_count": len(next(s["rows"] for s in page["sections"] if s["name"] == "recommendations")),
        "links": {suffix: f"{PAGES_FOLDER}/{file}.{suffix}" for suffix in SUFFIXES},
    }


def build_modules(entries: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The value of the list of modules, the lowest score first, and the section that shows it."""
    unknown = 101
    modules = sorted(
        (dict(entry) for entry in entries),
        key=lambda entry: (unknown if (score := entry["overall_score"]) is None else score, entry["module_name"]),
    )
    counts = Counter(entry["badge"] for entry in modules)
    colors = ", ".join(f"{counts[badge]} {badge}" for badge in BADGE_TONES if counts[badge])
    parts = [wording.plural(len(modules), "module"), colors] if modules else ["no module has a registered schema"]
    value = {
        "schema_version": SCHEMA_VERSION, "title": "Modules", "sentence": wording.sentence(parts), "modules": modules
    }  # fmt: skip
    columns: list[Column] = [
        ("module_name", "Module", "module"),
        ("overall_score", "Score", "score"),
        ("version", "Version", "name"),
        ("version_count", "Versions", "count"),
        ("dependent_count", "Dependents", "count"),
        ("download_count", f"Downloads, {WEEKS} weeks", "count"),
        ("recommendation_count", "Recommendations", "count"),
    ]
    rows = [{**entry, "page": entry["links"]["html"]} for entry in modules]
    return value, {"name": "modules", **section("How healthy are the schemas?", [], columns, rows)}


def _days(rows: Rows) -> set[date]:
    """Every day on which something happened that the page shows."""
    names = (
        "day", "first_day", "first_seen_day", "last_active_day", "last_download_day", "deprecated_since_day",
        "last_used_day",
    )  # fmt: skip
    return {row[name] for of in rows.values() for row in of for name in names if row.get(name) is not None}


def _sentence(module: Module) -> str:
    health = module.health
    if health["overall_score"] is None:
        return wording.sentence(["nothing is known of its health", *module.reasons])
    low, high = (choose(module.scored, key=lambda part: part[1]) for choose in (min, max))
    parts = [f"the best part is {_PARTS[high[0]]} with {wording.score(high[1])} of 100"]
    if low[1] < high[1]:
        parts.append(f"the worst is {_PARTS[low[0]]} with {wording.score(low[1])}")
    if health["coverage_ratio"] < 1:
        parts.append(f"{wording.ratio(health['coverage_ratio'])} of the weight is known: {', '.join(module.reasons)}")
    return wording.sentence(parts)


def _kpis(module: Module) -> list[dict[str, Any]]:
    versions, consumers, weeks = (module.of(name) for name in ("versions", "consumers", "weeks"))
    wanted: list[tuple[str, str, str, Any]] = [
        ("overall_score", "Health", "score", module.health["overall_score"]),
        ("download_count", f"Downloads, {WEEKS} weeks", "count", sum(row["download_count"] for row in weeks)),
        ("consumer_count", "Organisations", "count", consumers[0]["consumer_count"] if consumers else 0),
        ("version_count", "Versions", "count", versions[0]["version_count"] if versions else 0),
        ("dependent_count", "Dependents", "count", module.health["dependent_count"]),
        ("deprecated_count", "Deprecated", "count", module.health["deprecated_count"]),
    ]
    return [{"name": name, "label": label, "kind": kind, "value": value} for name, label, kind, value in wanted]
