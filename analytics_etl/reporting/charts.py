"""A chart of a report as a value: what it shows, its legend, its pictures. How they are drawn stands in `svg`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics_etl.reporting import svg, wording
from analytics_etl.reporting.calendar import COMPARED_WITH, Cadence
from analytics_etl.reporting.period import Row

BARS_SHOWN = 10
"""Bars in a chart: more cannot be compared at a glance; the table has all."""


@dataclass(frozen=True)
class Figure:
    """One chart: what it shows, its legend as (swatch, text), and its pictures by the width they are for.

    Text in a picture that shrinks to a phone cannot be read, so most come wide and narrow; the style sheet shows one.
    """

    caption: str
    legend: tuple[tuple[str, str], ...]
    pictures: Mapping[svg.Width, str]


def beside_before(value: int, previous: int | None) -> str:
    """A count, followed by that of the compared period if there is one."""
    return wording.count(value) + ("" if previous is None else f"  ({wording.count(previous)} before)")


def compared_mark(rows: Sequence[Row], column: str, cadence: Cadence) -> tuple[tuple[str, str], ...]:
    """The legend of the marks of the period before; none where there is no comparison."""
    return (("mark", COMPARED_WITH[cadence]),) if any(row[column] is not None for row in rows) else ()


def bar_figure(bars: Sequence[svg.Bar], caption: str, legend: tuple[tuple[str, str], ...]) -> Figure:
    """Horizontal bars, wide and narrow."""
    widths: tuple[svg.Width, ...] = ("wide", "narrow")
    return Figure(caption, legend, {width: svg.draw_bars(bars, caption, width) for width in widths})
