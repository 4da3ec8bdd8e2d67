"""The report of schema usage: operations, schemas, callers, scorecards, anomalies. Its charts: `usage_figures`."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.families import usage_figures as figures
from analytics_etl.reporting.family import FamilyReport
from analytics_etl.reporting.period import Column, Kpi, Period, Row, compared, section, uncompared
from analytics_etl.reporting.trend import Trend, build, draw

KPIS = (
    Kpi("operation_count", "Operations", "count"),
    Kpi("error_ratio", "Error ratio", "ratio", "lower", "operations"),
    Kpi("p95_latency_ms", "p95 latency", "duration_ms", "lower"),
    Kpi("schemas_used", "Schemas used", "count"),
    Kpi("services_active", "Services", "count"),
    Kpi("anomaly_count", "Anomalies", "count"),
)

ALL = "all schemas"

TREND = Trend(
    noun="operation",
    additive=(
        ("operation_count", "Operations", "count"),
        ("error_count", "Failed", "count"),
        ("anomaly_count", "Anomalies", "count"),
    ),
    highest=("schemas_used", "Schemas used", "count"),
    ratio=("error_ratio", "Error ratio", "ratio"),
    numerator=("error_count",),
    denominator=("operation_count",),
    ratio_caption="Error ratio of operations",
)


def trend(period: Period) -> dict[str, Any]:
    return build(TREND, period)


def operations(period: Period) -> dict[str, Any]:
    rows = _rows(period, "operations")
    parts = []
    if rows:
        first, slowest = rows[0], max(rows, key=lambda row: row["p95_latency_ms"])
        total, failed = sum(row["operation_count"] for row in rows), sum(row["error_count"] for row in rows)
        parts.append(f"{wording.ratio(first['operation_ratio'])} of {wording.plural(total, 'operation')} were "
                     f"{wording.words(first['operation'])}")  # fmt: skip
        parts.append(
            f"{wording.count(failed)} failed, {wording.ratio(failed / total)} of all" if failed else "none failed"
        )
        p95 = wording.duration(slowest["p95_latency_ms"])
        parts.append(f"the slowest kind was {wording.words(slowest['operation'])} with a p95 of {p95}")
    columns: list[Column] = [
        ("operation", "Operation", "words"),
        ("operation_count", "Count", "count"),
        ("operation_ratio", "Share", "ratio"),
        ("growth_ratio", "Change", "change_ratio"),
        ("error_count", "Failed", "count"),
        ("success_rate", "Success", "ratio"),
        ("p50_latency_ms", "p50", "duration_ms"),
        ("p95_latency_ms", "p95", "duration_ms"),
    ]
    return section("What was done with schemas?", parts or [period.nothing("nothing")], columns, rows)


def most_used_schemas(period: Period) -> dict[str, Any]:
    rows = _named(period, "most_used_schemas")
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most used: {figures.called(first)} with {wording.plural(first['operation_count'], 'operation')}")
        total = period.totals().get("operation_count")
        if total:
            share = sum(row["operation_count"] for row in rows) / total
            these = f"these {len(rows)} schemas" if len(rows) > 1 else "this schema"
            parts.append(f"{these} had {wording.ratio(share)} of {wording.plural(total, 'operation')}")
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("schema_name", "Schema", "name"),
        ("operation_count", "Operations", "count"),
        ("previous_operation_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("error_ratio", "Errors", "ratio"),
        ("services_active", "Services", "count"),
        *_ids(rows),
    ]
    return section("Which schemas were used most?", parts or [period.nothing("no schema was used")], columns, rows)


def changing_schemas(period: Period) -> dict[str, Any]:
    rows = _named(period, "changing_schemas")
    window = period.windows["changing_schemas"]
    if missing := period.missing_days(window.previous_start, window.end):
        return section("Which schemas are trending up and down?", [period.nothing(uncompared(period, missing))], [], [])
    by_direction = {name: [row for row in rows if row["direction"] == name] for name in ("up", "down", "new")}
    parts = []
    for direction, what in (("up", "most growth"), ("down", "largest fall")):
        if found := by_direction[direction]:
            first = found[0]
            counts = f"{wording.count(first['previous_operation_count'])} to {wording.count(first['operation_count'])}"
            parts.append(f"{what}: {figures.called(first)}, {wording.change(first['growth_ratio'])} ({counts})")
    if new := by_direction["new"]:
        parts.append(f"the most used new schema: {figures.called(new[0])}, "
                     f"{wording.plural(new[0]['operation_count'], 'operation')}")  # fmt: skip
    parts = parts or [period.nothing("no schema with enough operations before changed, and none is new")]
    parts.append(compared(window))
    columns: list[Column] = [
        ("direction", "Direction", "name"),
        ("rank", "#", "rank"),
        ("schema_name", "Schema", "name"),
        ("operation_count", "Operations", "count"),
        ("previous_operation_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        *_ids(rows),
    ]
    return section("Which schemas are trending up and down?", parts, columns, rows)


def liveness(period: Period) -> dict[str, Any]:
    rows = _rows(period, "liveness")
    total = sum(row["schema_count"] for row in rows)
    parts = []
    if total:
        counts = {row["state"]: row["schema_count"] for row in rows}
        parts.append(
            f"{wording.count(counts.get('active', 0))} of {wording.plural(total, 'schema')} were used in 7 days"
        )
        if zombies := counts.get("zombie", 0):
            parts.append(f"{wording.plural(zombies, 'schema')} {wording.verb(zombies, 'is a zombie', 'are zombies')}: "
                         "not used for 90 days, or never in their first 30")  # fmt: skip
    columns: list[Column] = [
        ("state", "State", "name"),
        ("schema_count", "Schemas", "count"),
        ("previous_schema_count", "Before", "count"),
    ]
    return section("Are schemas still in use?", parts or [period.nothing("no schema is known")], columns, rows)


def scorecards(period: Period) -> dict[str, Any]:
    rows = _named(period, "scorecards")
    parts = []
    if rows:
        first = rows[0]
        scored = first["schemas_scored"]
        parts.append(f"of {wording.plural(scored, 'schema')} with a score on {wording.day(first['day'])}, "
                     f"{first['schemas_good']} reached 80 and {first['schemas_poor']} stayed below 50")  # fmt: skip
        if first["overall_score"] is not None:
            parts.append(f"the lowest: {figures.called(first)} with {wording.score(first['overall_score'])}")
    columns: list[Column] = [
        ("schema_name", "Schema", "name"),
        ("overall_score", "Score", "score"),
        ("success_rate_score", "Success", "score"),
        ("performance_score", "Speed", "score"),
        ("activity_score", "Activity", "score"),
        ("recommendations", "What to do", "text"),
        *_ids(rows),
    ]
    return section("Which schemas need care?", parts or [period.nothing("no schema has anything to do")], columns, rows)


def anomalies(period: Period) -> dict[str, Any]:
    rows = _named(period, "anomalies")
    parts = []
    if rows:
        count = rows[0]["anomaly_count"]
        worst = rows[0]
        parts.append(
            f"{wording.plural(count, 'hour')} of a schema {wording.verb(count, 'was', 'were')} out of the ordinary"
        )
        which = "it was of severity" if count == 1 else "the most severe was"
        parts.append(f"{which} {worst['severity']}: {_who(worst)} on {wording.day(worst['day'])}")
    columns: list[Column] = [
        ("severity", "Severity", "level"),
        ("description", "What happened", "text"),
        ("schema_name", "Schema", "name"),
        ("day", "Day", "day"),
        *_ids(rows),
    ]
    return section("What was out of the ordinary?", parts or [period.nothing("nothing")], columns, rows)


def regions(period: Period) -> dict[str, Any]:
    rows = _rows(period, "regions")
    highest = "p95" if period.cadence == "daily" else "Highest daily p95"
    known = [row for row in rows if row["highest_daily_p95_latency_ms"] is not None]
    parts = []
    if known:
        first, slowest = known[0], max(known, key=lambda row: row["highest_daily_p95_latency_ms"])
        parts.append(
            f"most operations came from {wording.name(first['region'])} ({wording.ratio(first['operation_ratio'])})"
        )
        p95 = wording.duration(slowest["highest_daily_p95_latency_ms"])
        parts.append(f"the slowest region was {wording.name(slowest['region'])}, {highest.lower()} {p95}")
    columns: list[Column] = [
        ("region", "Region", "name"),
        ("operation_count", "Operations", "count"),
        ("operation_ratio", "Share", "ratio"),
        ("previous_operation_count", "Before", "count"),
        ("error_ratio", "Errors", "ratio"),
        ("avg_latency_ms", "Mean", "duration_ms"),
        ("highest_daily_p95_latency_ms", highest, "duration_ms"),
    ]
    return section("Where did operations come from?", parts or [period.nothing("nowhere")], columns, rows)


def failing_services(period: Period) -> dict[str, Any]:
    names = _names(period)
    rows = [
        {**row, "worst_schema_id": worst, "worst_schema_name": names.get(worst, worst)}
        for row in _rows(period, "failing_services")
        for worst in [row["worst_schema_name"]]
    ]
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most failures: {wording.name(first['service'])} with {wording.count(first['error_count'])} of "
                     f"{wording.plural(first['operation_count'], 'operation')}")  # fmt: skip
        highest = max(rows, key=lambda row: row["error_ratio"])
        parts.append(f"the highest share: {wording.name(highest['service'])}, {wording.ratio(highest['error_ratio'])}")
    columns: list[Column] = [
        ("service", "Service", "name"),
        ("error_count", "Failed", "count"),
        ("operation_count", "Operations", "count"),
        ("error_ratio", "Errors", "ratio"),
        ("previous_error_ratio", "Before", "ratio"),
        ("worst_schema_name", "Mostly with schema", "name"),
    ]
    return section("Which services failed?", parts or [period.nothing("none did")], columns, rows)


def _rows(period: Period, name: str) -> list[Row]:
    return list(period.rows.get(name, ()))


def _named(period: Period, name: str) -> list[Row]:
    """The rows of a query that gives a schema's id as `schema_name`: its name there, if it is known, and the id apart.

    The empty id is that of all schemas together.
    """
    names = {**_names(period), "": ALL}
    return [
        {
            **row,
            "schema_id": row["schema_name"] or ALL,
            "schema_name": names.get(row["schema_name"], row["schema_name"]),
        }
        for row in _rows(period, name)
    ]


def _names(period: Period) -> dict[str, str]:
    """{id: newest known name}; of a name that several schemas have, with the begin of the id."""
    rows = _rows(period, "schema_names")
    count = Counter(row["schema_name"] for row in rows)
    return {
        row["schema_key"]: row["schema_name"] + (f" ({row['schema_key'][:8]})" if count[row["schema_name"]] > 1 else "")
        for row in rows
    }


def _ids(rows: Sequence[Row]) -> list[Column]:
    """The last column, where any name is known: otherwise the id stands in place of the name."""
    return [("schema_id", "Id", "name")] if any(row["schema_name"] != row["schema_id"] for row in rows) else []


def _who(row: Row) -> str:
    return ALL if row["schema_id"] == ALL else figures.called(row)


REPORT = FamilyReport(
    kpis=KPIS,
    topics={
        "Usage": (trend, operations, most_used_schemas, changing_schemas),
        "Health": (scorecards, liveness, anomalies),
        "Callers": (regions, failing_services),
    },
    drawings={
        "trend": partial(draw, TREND),
        "operations": figures.operations,
        "most_used_schemas": figures.most_used_schemas,
        "changing_schemas": figures.changing_schemas,
        "regions": figures.regions,
        "failing_services": figures.failing_services,
    },
    index_kpis=("operation_count", "error_ratio", "p95_latency_ms"),
    windows={"trend": "trend", "changing_schemas": "growth"},
    lookups=("schema_names",),
)
