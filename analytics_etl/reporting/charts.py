"""What the sections of a report show in pictures, with captions and legends. How they are drawn stands in `svg`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.period import Row, Value
from analytics_etl.reporting.periods import short_label

BARS_SHOWN = 10
"""More cannot be compared at a glance; the table has all."""


@dataclass(frozen=True)
class Figure:
    """One chart: what it shows, its legend as (swatch, text), and its pictures by the width they are for.

    Text in a picture that shrinks to a phone cannot be read, so most come wide and narrow; the style sheet shows one.
    """

    caption: str
    legend: tuple[tuple[str, str], ...]
    pictures: Mapping[svg.Width, str]


class Panel(NamedTuple):
    """One measure of the trend."""

    caption: str
    field: str
    write: Callable[[Value], str]
    axis_format: str
    widths: tuple[svg.Width, ...]


def draw(section: Mapping[str, Any], report: Mapping[str, Any]) -> list[Figure]:
    """The charts of a section; none where there is nothing to draw."""
    drawing = DRAWINGS.get(section["name"])
    return drawing(section["rows"], report) if drawing and section["rows"] else []


def _trend(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    rows = rows[::-1]
    noun = {"daily": "day", "weekly": "week", "monthly": "month"}[report["cadence"]]
    users = "Active users" if report["cadence"] == "daily" else "Highest daily active users"
    legend = [("accent", f"this {noun}"), ("soft", f"{noun}s before")]
    if any(row["day_count"] == 0 for row in rows):
        legend.append(("gap", "no data"))
    if any(_is_partial(row) for row in rows):
        legend.append(("partial", "some days without data"))
    panels = (
        Panel(f"Downloads per {noun}", "download_count", wording.grouped, "~s", ("wide", "narrow")),
        Panel(users, "highest_daily_active_users", wording.grouped, "~s", ("half",)),
        Panel("Error ratio of downloads and compilations", "error_ratio", wording.ratio, "~%", ("half",)),
    )
    figures: list[Figure] = []
    for panel in panels:
        if any(row[panel.field] is not None for row in rows):
            columns = [_column(row, panel, report) for row in rows]
            pictures = {
                width: svg.draw_columns(columns, panel.axis_format, panel.caption, width) for width in panel.widths
            }
            figures.append(Figure(panel.caption, () if figures else tuple(legend), pictures))
    return figures


def _column(row: Row, panel: Panel, report: Mapping[str, Any]) -> svg.Column:
    value = row[panel.field]
    label = short_label(report["cadence"], date.fromisoformat(row["period_start"]))
    days = f" ({row['day_count']} of {row['expected_day_count']} days)" if _is_partial(row) else ""
    return svg.Column(
        label,
        value,
        hover=f"{label}: {'no data' if value is None else panel.write(value)}{days}",
        is_current=row["period_start"] == report["period"]["start"],
        is_partial=_is_partial(row),
    )


def _is_partial(row: Row) -> bool:
    return bool(0 < row["day_count"] < row["expected_day_count"])


def _top_modules(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
    rows = rows[:BARS_SHOWN]
    bars = [
        svg.Bar(
            row["module_name"],
            row["download_count"],
            f"{wording.count(row['download_count'])}  ({wording.count(row['previous_download_count'])} before)",
            row["previous_download_count"],
        )
        for row in rows
    ]
    before = {"daily": "the day before", "weekly": "the week before", "monthly": "the month before"}[report["cadence"]]
    legend = (("accent", "downloads"), ("mark", before))
    caption = f"The {len(rows)} most downloaded modules" if len(rows) > 1 else "The only downloaded module"
    return [_bars(bars, caption, legend)]


def _growing_modules(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
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
    return [_bars(bars, caption, ())]


def _languages(rows: Sequence[Row], _report: Mapping[str, Any]) -> list[Figure]:
    bars = []
    for row in rows[:BARS_SHOWN]:
        share = wording.ratio(row["compilation_share_ratio"])
        text = f"{wording.count(row['compilation_count'])}  ({share})"
        bars.append(svg.Bar(row["language"], row["compilation_count"], text, failed=row["failure_count"]))
    legend = (("accent", "succeeded"), ("bad", "failed"))
    return [_bars(bars, f"Compilations by language{_shown(len(rows))}", legend)]


def _compilation_performance(rows: Sequence[Row], report: Mapping[str, Any]) -> list[Figure]:
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
    return [_bars(bars, f"{highest.capitalize()}p95 of the duration by language{_shown(len(timed))}", legend)]


def _shown(count: int) -> str:
    return f", the {BARS_SHOWN} most compiled of {count}" if count > BARS_SHOWN else ""


def _bars(bars: Sequence[svg.Bar], caption: str, legend: tuple[tuple[str, str], ...]) -> Figure:
    widths: tuple[svg.Width, ...] = ("wide", "narrow")
    return Figure(caption, legend, {width: svg.draw_bars(bars, caption, width) for width in widths})


DRAWINGS: Mapping[str, Callable[[Sequence[Row], Mapping[str, Any]], list[Figure]]] = {
    "trend": _trend,
    "top_modules": _top_modules,
    "growing_modules": _growing_modules,
    "languages": _languages,
    "compilation_performance": _compilation_performance,
}
