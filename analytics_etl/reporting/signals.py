"""The sections about signals: alerts, anomalies and forecasts. Every family with series has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.bands import draw_band
from analytics_etl.reporting.charts import Figure
from analytics_etl.reporting.period import Column, Period, Row, section

DRAWN = 3
"""Anomalies with a chart: the worst ones."""
_KINDS = {"count": "decimal", "ratio": "ratio", "score": "score", "ms": "duration_ms", "bytes": "bytes"}
"""Unit of a series -> kind of its values."""


def alerts(period: Period) -> dict[str, Any]:
    rows = [dict(row) for row in period.rows.get("alerts", ())]
    still = [row for row in rows if row["resolved_at"] is None]
    parts = [f"{wording.plural(len(still), 'alert')} {wording.verb(len(still), 'is', 'are')} open"]
    if untouched := [row for row in still if row["acknowledged_at"] is None]:
        parts.append(f"nobody looks after {wording.count(len(untouched))} of them")
        parts.append(f"the first: {untouched[0]['sentence']}")
    if ended := len(rows) - len(still):
        parts.append(f"{wording.plural(ended, 'alert')} ended")
    for row in rows:
        row |= {name: _moment(row[name]) for name in ("since", "triggered_at", "acknowledged_at", "resolved_at")}
    columns: list[Column] = [
        ("severity", "Severity", "level"),
        ("sentence", "What is wrong", "text"),
        ("status", "State", "words"),
        ("since", "Since", "moment"),
        ("acknowledged_at", "Taken in hand", "moment"),
        ("resolved_at", "Ended", "moment"),
        ("alert_key", "Alert", "name"),
    ]
    return section("What set off an alert?", parts, columns, rows)


def incidents(period: Period) -> dict[str, Any]:
    rows = [dict(row) for row in period.rows.get("incidents", ())]
    parts = []
    if rows:
        worst = rows[0]
        count = wording.plural(len(rows), "incident")
        parts.append(f"{count} began; the worst: {worst['sentence']}{others_at_once(worst['series_count'])}")
    for row in rows:
        row["begins_at"] = _moment(row["begins_at"])
    columns: list[Column] = [
        ("severity", "Severity", "level"),
        ("begins_at", "Began", "moment"),
        ("sentence", "What was worst", "text"),
        ("series_count", "Series", "count"),
        ("cause", "Because of", "text"),
        ("incident_id", "Incident", "name"),
    ]
    return section("What happened at once?", parts, columns, rows)


def others_at_once(series_count: int) -> str:
    """How many series an incident has beside its worst."""
    others = series_count - 1
    return f"; and {wording.plural(others, 'more series', 'more series')} at the same time" if others else ""


def begun_anomalies(period: Period) -> dict[str, Any]:
    rows = [{**row, "of": row["entity"] or "all"} for row in period.rows.get("begun_anomalies", ())]
    parts = []
    if rows:
        first = rows[0]
        found, incidents = first["anomaly_count"], first["incident_count"]
        parts.append(f"{wording.plural(found, 'series was', 'series were')} unusual, in "
                     f"{wording.plural(incidents, 'incident')}")  # fmt: skip
        cause = f", mostly because of {wording.name(first['cause'])}" if first["cause"] else ""
        parts.append(f"the worst: {first['sentence']}{cause}")
    for row in rows:
        row["bucket"] = _moment(row["bucket"])
    columns: list[Column] = [
        ("severity", "Severity", "level"),
        ("bucket", "Began", "moment"),
        ("metric", "Metric", "name"),
        ("of", "Of", "name"),
        ("sentence", "What happened", "text"),
        ("cause", "Because of", "text"),
        ("incident_id", "Incident", "name"),
    ]
    return section("What was unusual?", parts, columns, rows)


def newest_forecasts(period: Period) -> dict[str, Any]:
    rows = [
        {**row, "entity": row["entity"] or "all", "kind": _KINDS.get(row["unit"], "decimal")}
        for row in period.rows.get("newest_forecasts", ())
    ]
    parts = []
    if advised := [row for row in rows if row["recommendation"]]:
        of = f" of {wording.name(advised[0]['entity'])}" if advised[0]["entity"] != "all" else ""
        parts.append(f"{wording.words(advised[0]['metric'])}{of}: {advised[0]['recommendation']}")
    if known := [row for row in rows if row["predicted_value"] is not None]:
        first = known[0]
        low, expected, high = (wording.count(first[name]) for name in ("lower_80", "predicted_value", "upper_80"))
        parts.append(f"{wording.name(first['metric'])} on {wording.day(first['forecast_day'])}: {expected}, with 80 % "
                     f"between {low} and {high}")  # fmt: skip
    elif rows:
        parts.append(f"no forecast: {rows[0]['reason']}")
    columns: list[Column] = [
        ("metric", "Metric", "name"),
        ("entity", "Of", "name"),
        ("value", "Now", "figure"),
        ("forecast_day", "Day", "day"),
        ("predicted_value", "Expected", "figure"),
        ("lower_80", "80 % from", "figure"),
        ("upper_80", "to", "figure"),
        ("confidence_ratio", "Held so far", "ratio"),
        ("recommendation", "What to do", "text"),
        ("reason", "Why there is none", "text"),
    ]
    return section("What is expected next?", parts, columns, rows)


def draw_anomalies(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    """The last points of the worst anomalies with the band of what is usual."""
    figures = []
    for row in rows[:DRAWN]:
        points = [_point(text) for text in row["recent_points"].split(";")]
        caption = row["sentence"]
        legend = (("accent", "the values"), ("bad", "where it begins"), ("gap", "what is usual"))
        widths: tuple[svg.Width, ...] = ("wide", "narrow")
        figures.append(Figure(caption, legend, {width: draw_band(points, caption, width) for width in widths}))
    return figures


def _point(text: str) -> tuple[float, float | None, float | None]:
    """(value, lower, upper) of a point as the query writes it."""
    value, lower, upper = text.split(" ")
    return float(value), float(lower) if lower else None, float(upper) if upper else None


def _moment(moment: Any) -> Any:
    """A moment as a report has it: text that JSON can hold."""
    return None if moment is None else moment if isinstance(moment, str) else moment.isoformat()
