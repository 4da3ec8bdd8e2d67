"""The charts of the report of the streaming services; its trend is drawn by `trend`."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure, beside_before, compared_mark
from analytics_etl.reporting.period import Row


def operation(row: Row) -> str:
    """An operation with its service, in charts and sentences."""
    return f"{wording.name(row['operation'])} ({wording.name(row['service_id'])})"


def error(row: Row) -> str:
    """An error with its service, in charts and sentences."""
    return f"{wording.name(row['error_type'])} ({wording.name(row['service_id'])})"


def throughput(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["service_id"],
            row["event_count"],
            f"{wording.count(row['event_count'])}  ({wording.ratio(row['error_ratio'])} failed)",
            row["previous_event_count"],
            failed=round(row["event_count"] * row["error_ratio"]),
        )
        for row in rows[:BARS_SHOWN]
    ]
    mark = compared_mark(rows, "previous_event_count", report["cadence"])
    return [bar_figure(bars, "Operations by service", (("accent", "succeeded"), ("bad", "failed"), *mark))]


def operations(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    timed = [row for row in rows if row["avg_duration_ms"] is not None][:BARS_SHOWN]
    bars = [
        svg.Bar(
            operation(row),
            row["avg_duration_ms"],
            f"{wording.duration(row['avg_duration_ms'])}  (p95 {wording.duration(p95)})",
            row["previous_avg_duration_ms"],
        )
        for row in timed
        for p95 in [row["highest_daily_p95_duration_ms"]]
    ]
    mark = compared_mark(timed, "previous_avg_duration_ms", report["cadence"])
    caption = "Mean duration of the operations that took most time"
    return [bar_figure(bars, caption, (("accent", "mean duration"), *mark))] if bars else []


def errors(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            error(row),
            row["error_count"],
            beside_before(row["error_count"], row["previous_error_count"]),
            row["previous_error_count"],
            failed=row["error_count"],
        )
        for row in rows[:BARS_SHOWN]
    ]
    mark = compared_mark(rows, "previous_error_count", report["cadence"])
    return [bar_figure(bars, "The most frequent errors", (("bad", "failed operations"), *mark))]


def funnel(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["stage"],
            row["session_count"],
            f"{wording.count(row['session_count'])}  ({wording.ratio(row['session_ratio'])})",
            row["previous_session_count"],
        )
        for row in rows
    ]
    mark = compared_mark(rows, "previous_session_count", report["cadence"])
    return [bar_figure(bars, "Sessions by how far they came", (("accent", "sessions"), *mark))]


def content(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["content_id"],
            row["play_count"],
            beside_before(row["play_count"], row["previous_play_count"]),
            row["previous_play_count"],
        )
        for row in rows[:BARS_SHOWN]
    ]
    mark = compared_mark(rows, "previous_play_count", report["cadence"])
    return [bar_figure(bars, "The most played contents", (("accent", "plays"), *mark))]
