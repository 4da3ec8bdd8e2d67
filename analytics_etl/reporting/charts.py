"""A chart of a report as a value: what it shows, its legend, its pictures. How they are drawn stands in `svg`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics_etl.reporting import svg

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


def bar_figure(bars: Sequence[svg.Bar], caption: str, legend: tuple[tuple[str, str], ...]) -> Figure:
    """Horizontal bars, wide and narrow."""
    widths: tuple[svg.Width, ...] = ("wide", "narrow")
    return Figure(caption, legend, {width: svg.draw_bars(bars, caption, width) for width in widths})
