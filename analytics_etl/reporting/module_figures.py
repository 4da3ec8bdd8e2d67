"""The charts of the page of a module: parts of the score, its history, downloads by week. Vega draws none of them: a
registry has thousands of pages.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.charts import Figure, bar_figure
from analytics_etl.reporting.period import Row

_HEIGHT, _PLOT, _LEFT, _TOP = 132, 100, 34, 6
"""Pixels of a history: of all of it, of its plot, to the left of the plot and above it."""
_LINES = (0, 50, 80, 100)
"""Scores that have a line: from 50 on amber, from 80 on green."""
_MARGIN = timedelta(days=7)


def module_figures(page: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """{section: its charts}."""
    rows = {section["name"]: section["rows"] for section in page["sections"]}
    parts = [row for row in rows["score_parts"] if row["score"] is not None]
    bars = [
        svg.Bar(
            row["part"], row["score"], f"{wording.score(row['score'])}  (weight {wording.ratio(row['weight_ratio'])})"
        )
        for row in parts
    ]
    weeks = [
        svg.Bar(
            wording.day(date.fromisoformat(row["week_start"])),
            row["download_count"],
            wording.count(row["download_count"]),
        )
        for row in rows["downloads"]
    ]
    history = [row for row in rows["scores"] if row["overall_score"] is not None]
    return {
        "score_parts": [bar_figure(bars, "Points of each part, of 100", ())] if bars else [],
        "scores": [_history(history, page["last_change_day"])] if history else [],
        "downloads": [bar_figure(weeks, "Downloads by the first day of the week", ())] if weeks else [],
    }


def _history(rows: Sequence[Row], last_day: str) -> Figure:
    """The score from day to day, as steps; rows come newest first."""
    changes = [(date.fromisoformat(row["day"]), row["overall_score"]) for row in reversed(rows)]
    before = rows[-1]["previous_overall_score"]
    first = changes[0][0] if before is None else changes[0][0] - _MARGIN
    points = [*([] if before is None else [(first, before)]), *changes]
    end = max(changes[-1][0] + timedelta(1), date.fromisoformat(last_day))
    caption = "Score of each day; lines at 50 and 80, from where on it is amber and green"
    widths: tuple[svg.Width, ...] = ("wide", "narrow")
    return Figure(caption, (), {width: _steps(points, first, end, caption, width) for width in widths})


def _steps(points: Sequence[tuple[date, float]], first: date, end: date, caption: str, width: svg.Width) -> str:
    """A line that stays at a value until the day of the next one."""
    right = svg.WIDTHS[width] - 8

    def x(day: date) -> str:
        return f"{_LEFT + (right - _LEFT) * (day - first).days / ((end - first).days or 1):.4g}"

    def y(score: float) -> str:
        return f"{_TOP + _PLOT * (1 - score / 100):.4g}"

    root = ET.Element("svg", {"viewBox": f"0 0 {svg.WIDTHS[width]} {_HEIGHT}", "role": "img", "aria-label": caption})
    for score in _LINES:
        ET.SubElement(root, "path", {"d": f"M{_LEFT} {y(score)}H{right}", "stroke": svg.LINE, "fill": "none"})
        _write(root, str(score), str(_LEFT - 6), f"{float(y(score)) + svg.BASELINE:.4g}", "end")
    path = f"M{x(points[0][0])} {y(points[0][1])}"
    path += "".join(f"H{x(day)}V{y(score)}" for day, score in points[1:]) + f"H{x(end)}"
    line = ET.SubElement(root, "path", {"d": path, "stroke": svg.ACCENT, "stroke-width": "2.5", "fill": "none"})
    ET.SubElement(line, "title").text = ", ".join(f"{day}: {wording.score(score)}" for day, score in points)
    for day, place, anchor in ((first, _LEFT, "start"), (end, right, "end")):
        _write(root, f"{wording.day(day)} {day.year}", str(place), str(_HEIGHT - 6), anchor)
    return ET.tostring(root, encoding="unicode")


def _write(root: ET.Element, text: str, x: str, y: str, anchor: str) -> None:
    attributes = {"x": x, "y": y, "text-anchor": anchor, "font-size": f"{svg.FONT_SIZE}px", "fill": svg.MUTED}
    ET.SubElement(root, "text", attributes).text = text
