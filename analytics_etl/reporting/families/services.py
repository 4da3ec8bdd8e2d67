"""The report of the streaming services: health, latency, errors, users. Its charts are in `services_figures`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.families import services_figures as figures
from analytics_etl.reporting.family import FamilyReport
from analytics_etl.reporting.period import Column, Kpi, Period, Row, section
from analytics_etl.reporting.trend import Trend, build, draw

KPIS = (
    Kpi("event_count", "Operations", "count"),
    Kpi("error_ratio", "Error ratio", "ratio", "lower", "operations"),
    Kpi("avg_latency_ms", "Mean latency", "duration_ms", "lower"),
    Kpi("unhealthy_count", "Services not healthy", "count"),
    Kpi("active_users", "Users", "count"),
    Kpi("conversion_ratio", "Conversion", "ratio", "higher", "sessions that began one"),
)

TREND = Trend(
    noun="operation",
    additive=(
        ("event_count", "Operations", "count"),
        ("error_count", "Failed", "count"),
        ("session_count", "Sessions", "count"),
    ),
    highest=("active_users", "Users", "count"),
    ratio=("error_ratio", "Error ratio", "ratio"),
    numerator=("error_count",),
    denominator=("event_count",),
    ratio_caption="Error ratio of operations",
)


def trend(period: Period) -> dict[str, Any]:
    return build(TREND, period)


def health(period: Period) -> dict[str, Any]:
    rows = _rows(period, "health")
    parts = []
    if rows:
        counts = {status: sum(row["status"] == status for row in rows) for status in ("critical", "degraded")}
        said = [f"{n} {wording.verb(n, 'was', 'were')} {status}" for status, n in counts.items() if n]
        parts.append(f"of {wording.plural(len(rows), 'service')} {' and '.join(said) or 'none was degraded'}")
        parts += [f"{wording.name(rows[0]['service_id'])}: {rows[0]['reason'].rstrip('.')}"] if said else []
    columns: list[Column] = [
        ("service_id", "Service", "name"),
        ("status", "Status", "health"),
        ("reason", "Why", "text"),
        ("critical_hour_count", "Critical hours", "count"),
    ]
    if period.cadence != "daily":
        bad = {row["service_id"]: row["degraded_day_count"] + row["critical_day_count"] for row in rows}
        days = [f"{wording.name(name)} on {wording.plural(count, 'day')}" for name, count in bad.items() if count]
        parts += [f"not healthy: {', '.join(days)}"] if days else []
        columns += [
            ("day", "As of", "day"),
            ("degraded_day_count", "Days degraded", "count"),
            ("critical_day_count", "Days critical", "count"),
        ]
    return section("Was each service healthy?", parts or [period.nothing("no service did anything")], columns, rows)


def throughput(period: Period) -> dict[str, Any]:
    unit, seconds = _span(_rows(period, "throughput"))
    rows = [
        {
            **row,
            "scaled_throughput": seconds * row["throughput"],
            "scaled_peak_throughput": seconds * (row["peak_throughput"] or row["throughput"]),
        }
        for row in _rows(period, "throughput")
    ]
    highest = "p95" if period.cadence == "daily" else "Highest daily p95"
    parts = []
    if rows:
        first, peak = rows[0], max(rows, key=lambda row: row["scaled_peak_throughput"])
        parts.append(f"most was done by {wording.name(first['service_id'])}, "
                     f"{wording.plural(first['event_count'], 'operation')} or "
                     f"{wording.count(first['scaled_throughput'])} per {unit}")  # fmt: skip
        parts.append(f"the busiest hour: {wording.name(peak['service_id'])} with "
                     f"{wording.count(peak['scaled_peak_throughput'])} per {unit}")  # fmt: skip
    columns: list[Column] = [
        ("service_id", "Service", "name"),
        ("event_count", "Operations", "count"),
        ("previous_event_count", "Before", "count"),
        ("scaled_throughput", f"Per {unit}", "decimal"),
        ("scaled_peak_throughput", "In its busiest hour", "decimal"),
        ("error_ratio", "Errors", "ratio"),
        ("avg_latency_ms", "Mean", "duration_ms"),
        ("highest_daily_p95_latency_ms", highest, "duration_ms"),
    ]
    return section("How much did each service do?", parts or [period.nothing("nothing")], columns, rows)


def operations(period: Period) -> dict[str, Any]:
    rows = _rows(period, "operations")
    highest = "p95" if period.cadence == "daily" else "Highest daily p95"
    parts = []
    if timed := [row for row in rows if row["avg_duration_ms"] is not None]:
        first, slowest = timed[0], max(timed, key=lambda row: row["highest_daily_p95_duration_ms"])
        parts.append(f"most time went into {figures.operation(first)}, {wording.duration(first['avg_duration_ms'])} "
                     f"on average")  # fmt: skip
        p95 = wording.duration(slowest["highest_daily_p95_duration_ms"])
        parts.append(f"the slowest was {figures.operation(slowest)}, {highest[0].lower()}{highest[1:]} {p95}")
    elif rows:
        parts.append("no duration is known")
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("service_id", "Service", "name"),
        ("operation", "Operation", "name"),
        ("event_count", "Times", "count"),
        ("previous_event_count", "Before", "count"),
        ("error_ratio", "Errors", "ratio"),
        ("previous_error_ratio", "Before", "ratio"),
        ("avg_duration_ms", "Mean", "duration_ms"),
        ("previous_avg_duration_ms", "Before", "duration_ms"),
        ("highest_daily_p95_duration_ms", highest, "duration_ms"),
    ]
    return section("Which operations took the time?", parts or [period.nothing("none")], columns, rows)


def errors(period: Period) -> dict[str, Any]:
    rows = [{**row, "error_type": row["error_type"] or "not told"} for row in _rows(period, "errors")]
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most frequent: {figures.error(first)}, {wording.plural(first['error_count'], 'time')} "
                     f"({wording.ratio(first['error_share_ratio'])} of all errors)")  # fmt: skip
        parts.append(f"mostly in {wording.name(first['worst_operation'])}")
    columns: list[Column] = [
        ("service_id", "Service", "name"),
        ("error_type", "Error", "name"),
        ("error_count", "Times", "count"),
        ("previous_error_count", "Before", "count"),
        ("error_share_ratio", "Share of all", "ratio"),
        ("worst_operation", "Mostly in", "name"),
    ]
    return section("What went wrong?", parts or [period.nothing("nothing")], columns, rows)


MEASURES = (
    ("active_users_1d", "Users of the newest day", "count"),
    ("active_users_7d", "Users of its 7 days", "count"),
    ("active_users_30d", "Users of its 30 days", "count"),
    ("stickiness_ratio", "Users of the day among those of the 30 days", "ratio"),
    ("new_user_count", "New users", "count"),
    ("session_count", "Sessions", "count"),
    ("avg_session_ms", "Mean length of a session", "duration_ms"),
    ("actions_per_session", "Actions of a session", "decimal"),
    ("bounce_ratio", "Sessions with one action only", "ratio"),
)
"""What is told of users: column, name, kind."""


def engagement(period: Period) -> dict[str, Any]:
    rows = [
        {"measure": label, "kind": kind, "value": row[name], "previous_value": row[f"previous_{name}"]}
        for row in _rows(period, "engagement")
        for name, label, kind in MEASURES
    ]
    parts = []
    for row in _rows(period, "engagement"):
        new = row["new_user_count"]
        parts.append(f"on {wording.day(row['day'])} {wording.plural(row['active_users_1d'], 'user')} acted, "
                     f"{wording.ratio(row['stickiness_ratio'])} of those of 30 days")  # fmt: skip
        parts.append(f"{wording.plural(new, 'user')} {wording.verb(new, 'was', 'were')} new")
        if row["session_count"]:
            parts.append(f"{wording.plural(row['session_count'], 'session')} took "
                         f"{wording.duration(row['avg_session_ms'])} on average")  # fmt: skip
    columns: list[Column] = [("measure", "Measure", "text"), ("value", "Value", "figure")]
    columns += [("previous_value", "Before", "figure")]
    return section("Who used the services?", parts or [period.nothing("nobody")], columns, rows)


def funnel(period: Period) -> dict[str, Any]:
    rows = _rows(period, "funnel")
    parts = []
    if rows:
        sessions, started, goal = rows
        parts.append(f"{wording.count(started['session_count'])} of "
                     f"{wording.plural(sessions['session_count'], 'session')} came to {_action(started)}, "
                     f"{wording.count(goal['session_count'])} of these to {_action(goal)}")  # fmt: skip
        if started["session_count"]:
            parts.append(f"that is {wording.ratio(goal['session_count'] / started['session_count'])}")
    columns: list[Column] = [
        ("stage", "Came to", "name"),
        ("session_count", "Sessions", "count"),
        ("session_ratio", "Share of all", "ratio"),
        ("previous_session_count", "Before", "count"),
    ]
    return section("How far did sessions come?", parts or [period.nothing("there were none")], columns, rows)


def retention(period: Period) -> dict[str, Any]:
    rows = _rows(period, "retention")
    parts = [
        f"{wording.ratio(row['retention_ratio'])} of {wording.plural(row['cohort_size'], 'user')} came back after "
        f"{wording.plural(row['age_days'], 'day')}"
        for row in rows
    ]
    columns: list[Column] = [
        ("age_days", "Days after the first", "count"),
        ("cohort_size", "New users then", "count"),
        ("retained_count", "Came back", "count"),
        ("retention_ratio", "Share", "ratio"),
        ("previous_retention_ratio", "Before", "ratio"),
    ]
    nothing = period.nothing("nobody was new 1, 7 or 30 days before")
    return section("Did new users come back?", parts or [nothing], columns, rows)


def content(period: Period) -> dict[str, Any]:
    rows = _rows(period, "content")
    parts = []
    if rows:
        first = rows[0]
        parts.append(f"most played: {wording.name(first['content_id'])}, {wording.plural(first['play_count'], 'time')}")
        best = max(rows, key=lambda row: row["completion_ratio"])
        parts.append(f"most often completed of these: {wording.name(best['content_id'])}, by "
                     f"{wording.ratio(best['completion_ratio'])} of those who played it")  # fmt: skip
    columns: list[Column] = [
        ("rank", "#", "rank"),
        ("content_id", "Content", "name"),
        ("play_count", "Plays", "count"),
        ("previous_play_count", "Before", "count"),
        ("growth_ratio", "Change", "change_ratio"),
        ("completion_ratio", "Completed", "ratio"),
        ("highest_daily_unique_users", "Users" if period.cadence == "daily" else "Most users a day", "count"),
        ("total_play_ms", "Played for", "duration_ms"),
    ]
    return section("What was played?", parts or [period.nothing("nothing")], columns, rows)


def top_users(period: Period) -> dict[str, Any]:
    rows = _rows(period, "top_users")
    parts = []
    if rows:
        first = max(rows, key=lambda row: row["event_count"])
        parts.append(f"most events: {first['user_hash']} in {wording.name(first['service_id'])}, "
                     f"{wording.count(first['event_count'])}")  # fmt: skip
        parts.append("a pseudonym stands for each user")
    columns: list[Column] = [
        ("service_id", "Service", "name"),
        ("rank", "#", "rank"),
        ("user_hash", "User (pseudonym)", "name"),
        ("event_count", "Events", "count"),
    ]
    columns += [] if period.cadence == "daily" else [("top_day_count", "Days among the first 20", "count")]
    return section("For whom was most done?", parts or [period.nothing("for nobody")], columns, rows)


def _rows(period: Period, name: str) -> list[Row]:
    return list(period.rows.get(name, ()))


def _action(row: Row) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{wording.name(row['stage'])}\N{RIGHT DOUBLE QUOTATION MARK}"


def _span(rows: Sequence[Row]) -> tuple[str, int]:
    """Second, minute or hour with its seconds: the shortest in which the busiest service does at least one thing."""
    most = max((row["throughput"] for row in rows), default=1)
    spans = (("second", 1), ("minute", 60), ("hour", 3600))
    return next((span for span in spans if most * span[1] >= 1), spans[-1])


REPORT = FamilyReport(
    kpis=KPIS,
    topics={
        "Services": (trend, health, throughput, operations, errors),
        "Users": (engagement, funnel, retention, content, top_users),
    },
    drawings={
        "trend": partial(draw, TREND),
        "throughput": figures.throughput,
        "operations": figures.operations,
        "errors": figures.errors,
        "funnel": figures.funnel,
        "content": figures.content,
    },
    index_kpis=("event_count", "error_ratio", "active_users"),
    windows={"trend": "trend"},
)
