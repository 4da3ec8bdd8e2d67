"""The sections of the registry's report about its schemas: their health, what broke, what to do.

They are left out of the report of a registry of which no schema is known.
"""

from collections.abc import Sequence
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.module_files import module_path
from analytics_etl.reporting.period import Column, Period, Row, section


def linked(period: Period, query: str) -> list[Row]:
    """The rows of a query, each with the way to the page of its module, which only one with a schema has."""
    known = {row["module_name"] for row in period.rows.get("registered_modules", ())}
    return [
        {**row, "page": f"../../{module_path(row['module_name'])}" if row["module_name"] in known else None}
        for row in period.rows.get(query, ())
    ]


def schema_health(period: Period) -> dict[str, Any]:
    rows = linked(period, "schema_health")
    columns: list[Column] = [
        ("module_name", "Module", "module"),
        ("version", "Version", "name"),
        ("overall_score", "Score", "score"),
        ("previous_overall_score", "Before", "score"),
        ("unused_field_count", "Unused fields", "count"),
        ("deprecated_count", "Deprecated", "count"),
        ("breaking_count", "Broken in 30 days", "count"),
        ("dependent_count", "Dependents", "count"),
        ("reason", "Not known", "text"),
    ]
    return section("How healthy are the schemas?", _health(rows), columns, rows)


def _health(rows: Sequence[Row]) -> list[str]:
    """The distribution, the worst module, and those that changed most."""
    if not rows:
        return []
    of_all = rows[0]
    counts = [(of_all[f"{badge}_count"], badge) for badge in ("green", "amber", "red")]
    parts = [", ".join([wording.plural(of_all["module_count"], "module"), *(f"{n} {badge}" for n, badge in counts)])]
    scored = [row for row in rows if row["overall_score"] is not None]
    if scored:
        worst, lowest = wording.name(scored[0]["module_name"]), wording.score(scored[0]["overall_score"])
        parts.append(f"the lowest score: {worst} with {lowest}")
    changed = [row for row in scored if row["previous_overall_score"] is not None]
    for verb, sign in (("improved", 1), ("declined", -1)):
        best = max(changed, key=lambda row: sign * _change(row), default=None)
        if best is not None and round(sign * _change(best)) > 0:
            before, after = wording.score(best["previous_overall_score"]), wording.score(best["overall_score"])
            parts.append(f"{verb} most: {wording.name(best['module_name'])}, {before} to {after}")
    return parts


def _change(row: Row) -> float:
    return float(row["overall_score"] - row["previous_overall_score"])


def broken_schemas(period: Period) -> dict[str, Any]:
    rows = linked(period, "broken_schemas")
    parts = []
    if rows:
        elements, versions = (wording.plural(rows[0][f"{noun}_count"], noun) for noun in ("element", "version"))
        parts.append(f"{versions} broke {elements}")
        if dependents := rows[0]["dependent_count"]:
            verb = wording.verb(dependents, "imports", "import")
            parts.append(f"{wording.plural(dependents, 'module')} {verb} {wording.name(rows[0]['module_name'])}")
    columns: list[Column] = [
        ("day", "Day", "day"),
        ("module_name", "Module", "module"),
        ("version", "Version", "name"),
        ("element", "Element", "name"),
        ("message", "Change", "text"),
        ("rules", "Rules", "text"),
        ("dependent_count", "Dependents", "count"),
    ]
    return section("What did new versions break?", parts, columns, rows)


def schema_recommendations(period: Period) -> dict[str, Any]:
    rows = linked(period, "schema_recommendations")
    parts = []
    if rows:
        oldest = rows[0]
        parts.append(f"{wording.plural(rows[0]['open_count'], 'recommendation')} open")
        since = wording.day(oldest["first_seen_day"])
        parts.append(f"longest that of {wording.name(oldest['module_name'])}, since {since}")
    columns: list[Column] = [
        ("module_name", "Module", "module"),
        ("recommendation", "What to do", "text"),
        ("first_seen_day", "Since", "day"),
        ("evidence", "Elements", "text"),
    ]
    return section("What would make schemas healthier?", parts, columns, rows)


SCHEMAS = (schema_health, broken_schemas, schema_recommendations)
"""Left out when they have no rows."""
