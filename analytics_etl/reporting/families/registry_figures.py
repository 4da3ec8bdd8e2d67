"""The charts of the registry's report; its trend is drawn by `trend`."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import BARS_SHOWN, Figure, bar_figure, beside_before, compared_mark
from analytics_etl.reporting.period import Row


def top_modules(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    rows = rows[:BARS_SHOWN]
    bars = [
        svg.Bar(
            row["module_name"],
            row["download_count"],
            beside_before(row["download_count"], row["previous_download_count"]),
            row["previous_download_count"],
        )
        for row in rows
    ]
    legend = (("accent", "downloads"), *compared_mark(rows, "previous_download_count", report["cadence"]))
    caption = f"The {len(rows)} most downloaded modules" if len(rows) > 1 else "The only downloaded module"
    return [bar_figure(bars, caption, legend)]


def growing_modules(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    grown = [row for row in rows if not row["is_new"]][:BARS_SHOWN]
    if not grown:
        return []
    bars = []
    for row in grown:
        counts = f"{wording.count(row['previous_download_count'])} → {wording.count(row['download_count'])}"
        bars.append(
            svg.Bar(row["module_name"], row["growth_ratio"], f"{wording.change(row['growth_ratio'])}  ({counts})")
        )
    caption = (
        f"Growth of the {len(grown)} modules that grew most"
        if len(grown) > 1
        else "Growth of the only module that grew"
    )
    return [bar_figure(bars, caption, ())]


def top_organizations(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    rows = rows[:BARS_SHOWN]
    bars = [
        svg.Bar(
            row["organization_id"],
            row["request_count"],
            beside_before(row["request_count"], row["previous_request_count"]),
            row["previous_request_count"],
        )
        for row in rows
    ]
    mark = compared_mark(rows, "previous_request_count", report["cadence"])
    return [bar_figure(bars, "Requests by organisation", (("accent", "requests"), *mark))]


def languages(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = []
    for row in rows[:BARS_SHOWN]:
        share = wording.ratio(row["compilation_share_ratio"])
        text = f"{wording.count(row['compilation_count'])}  ({share})"
        bars.append(svg.Bar(row["language"], row["compilation_count"], text, failed=row["failure_count"]))
    legend = (("accent", "succeeded"), ("bad", "failed"))
    return [bar_figure(bars, f"Compilations by language{shown(len(rows))}", legend)]


def compilation_performance(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    timed = [row for row in rows if row["highest_daily_p95_duration_ms"] is not None]
    if not timed:
        return []
    highest = "" if report["cadence"] == "daily" else "highest daily "
    bars = [
        svg.Bar(
            row["language"],
            row["highest_daily_p95_duration_ms"],
            wording.duration(row["highest_daily_p95_duration_ms"]),
            row["highest_daily_p50_duration_ms"],
        )
        for row in timed[:BARS_SHOWN]
    ]
    legend = (("accent", f"{highest}p95"), ("mark", f"{highest}p50"))
    return [bar_figure(bars, f"{highest.capitalize()}p95 of the duration by language{shown(len(timed))}", legend)]


def shown(count: int) -> str:
    return f", the {BARS_SHOWN} most compiled of {count}" if count > BARS_SHOWN else ""
