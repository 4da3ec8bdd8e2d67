"""The charts of the schedule executions' report; its trend is drawn by `trend`."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure
from analytics_etl.reporting.period import Row


def tiers(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["tier"],
            row["ended_count"],
            f"{wording.count(row['ended_count'])}  ({wording.count(row['failed_count'])} failed)",
            failed=row["failed_count"],
        )
        for row in rows
    ]
    return [bar_figure(bars, "Attempts that ended, by tier", (("accent", "succeeded"), ("bad", "failed")))]


def times(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    highest = "p95" if report["cadence"] == "daily" else "highest daily p95"
    figures = []
    for what, title in (("queue", "Queue time"), ("processing", "Processing time")):
        name = f"highest_daily_p95_{what}_time_ms"
        bars = [
            svg.Bar(f"{row['schedule_type']} {row['event_type']}", row[name], wording.duration(row[name]),
                    row[f"avg_{what}_time_ms"])
            for row in rows
            if row[name] is not None
        ]  # fmt: skip
        if bars:
            figures.append(bar_figure(bars, f"{title} by kind of work", (("accent", highest), ("mark", "mean"))))
    return figures


def flow(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["fate"],
            row["execution_count"],
            f"{wording.count(row['execution_count'])}  ({wording.ratio(row['execution_share_ratio'])})",
            failed=0 if row["fate"] == "completed" else row["execution_count"],
        )
        for row in rows
    ]
    return [bar_figure(bars, "Executions by fate", (("accent", "completed"), ("bad", "not completed")))]


def kafka_skew(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["kafka_topic"],
            row["highest_skew_ratio"],
            f"{wording.ratio(row['highest_skew_ratio'])}  (partition {row['most_loaded_partition']})",
            mark=1,
        )
        for row in rows[:BARS_SHOWN]
        if row["highest_skew_ratio"] is not None
    ]
    legend = (("accent", "share of the most loaded partition"), ("mark", "an even share"))
    return [bar_figure(bars, "The most loaded partition of each topic", legend)] if bars else []


def worst_schedules(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(
            row["schedule_id"],
            row["failed_count"],
            f"{wording.count(row['failed_count'])} of {wording.count(row['attempt_count'])}",
            failed=row["failed_count"],
        )
        for row in rows[:BARS_SHOWN]
    ]
    caption = f"The {len(bars)} schedules that failed most" if len(bars) > 1 else "The only schedule that failed"
    return [bar_figure(bars, caption, (("bad", "failed attempts"),))]


def error_patterns(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = [
        svg.Bar(row["pattern"], row["error_count"], f"{wording.count(row['error_count'])}{' new' * row['is_new']}")
        for row in sorted(rows, key=lambda row: -row["error_count"])[:BARS_SHOWN]
    ]
    return [bar_figure(bars, "The most frequent errors", (("accent", "records with such a message"),))]
