"""From a chart to inline SVG: colours, sizes, sparklines. Knows nothing of reports.

Sizes never depend on the fonts of the machine: paddings are fixed and nothing is measured. Colours are those of
PALETTE's light side; the style sheet maps them to the dark side, so that a mail client without style sheets still shows
the light ones.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple
from xml.etree import ElementTree as ET

from analytics_etl.reporting import wording

if TYPE_CHECKING:
    import altair as alt

PALETTE: dict[str, tuple[str, str]] = {
    "page": ("#f5f6f8", "#0f1318"),
    "surface": ("#ffffff", "#181e26"),
    "ink": ("#171b21", "#e7ebf0"),
    "muted": ("#5a6472", "#a1acba"),
    "line": ("#dce1e8", "#323b47"),
    "gap": ("#e4e8ee", "#2a333f"),
    "accent": ("#2159c4", "#86aefc"),
    "soft": ("#aec5ef", "#3d588f"),
    "good": ("#17723f", "#63cf95"),
    "warn": ("#8f5a00", "#efb54a"),
    "bad": ("#b3261e", "#ff8f85"),
}
"""Every colour, (light, dark), no two lights the same. Text has a contrast of 4.5 and more on page and surface."""

INK, MUTED, LINE, GAP, ACCENT, SOFT, BAD = (
    PALETTE[name][0] for name in ("ink", "muted", "line", "gap", "accent", "soft", "bad")
)

Width = Literal["wide", "narrow", "half"]
WIDTHS: Mapping[Width, int] = {"wide": 860, "narrow": 340, "half": 420}
FONT_SIZE = 12

LONG_NUMBER = re.compile(r"-?\d*\.\d{2,}(e-?\d+)?")
DROPPED_ATTRIBUTES = {"role", "class", "pointer-events", "font-family", "opacity", "stroke-miterlimit"}


@dataclass(frozen=True)
class Column:
    """One vertical bar: None is a gap; a partial one is only outlined."""

    label: str
    value: float | None
    hover: str
    is_current: bool
    is_partial: bool


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: its name, length, the text at its end, and optionally a mark and a failed part."""

    name: str
    value: float
    text: str
    mark: float | None = None
    failed: float = 0


class Padding(NamedTuple):
    """Room around the plot, in pixels."""

    left: int
    right: int
    top: int
    bottom: int


def sparkline(values: Sequence[float | None], current: int) -> tuple[str, str]:
    """Path data of a 100 x 28 line: (all values, the last `current` of them). None is a gap; zero is the bottom."""
    top = max((value for value in values if value is not None), default=0) or 1
    step = 100 / max(1, len(values) - 1)

    def path(first: int) -> str:
        parts = []
        for number in range(first, len(values)):
            value = values[number]
            if value is None:
                continue
            is_start = number == first or values[number - 1] is None
            point = f"{number * step:.4g} {26 - 24 * value / top:.4g}"
            # A line of no length is drawn as a dot, which keeps a day between two gaps visible.
            parts.append(f"M{point}L{point}" if is_start else f"L{point}")
        return "".join(parts)

    return path(0), path(max(0, len(values) - current))


def draw_columns(columns: Sequence[Column], axis_format: str, caption: str, width: Width) -> str:
    """Draw vertical bars in the order given, with an axis in a d3 format. At least one has a value."""
    import altair as alt  # noqa: PLC0415 - takes a second, which loading the code location need not wait for

    values = [
        {
            "label": column.label,
            "value": column.value,
            "kind": "gap" if column.value is None else "outline" if column.is_partial else "bar",
            "color": ACCENT if column.is_current else SOFT,
            "hover": column.hover,
        }
        for column in columns
    ]
    labels = [column.label for column in columns]  # as the domain, or the order would be that of the layers
    style = {"title": None, "labelColor": MUTED, "labelFontSize": FONT_SIZE, "labelOverlap": False, "labelLimit": 0}
    style |= {"labelPadding": 6, "ticks": False}
    x_axis = {**style, "values": _evenly(labels, 8 if width == "wide" else 5), "labelAngle": 0, "domainColor": LINE}
    tick = f"datum.value ? replace(format(datum.value, '{axis_format}'), 'G', 'B') : '0'"
    y_axis = {**style, "labelExpr": tick, "tickCount": 3, "domain": False, "gridColor": LINE}
    if axis_format == "~s":
        y_axis["tickMinStep"] = 1  # there is no half a download
    x = alt.X("label:O", scale=alt.Scale(domain=labels, paddingInner=0.25, paddingOuter=0.1), axis=x_axis)
    y = alt.Y("value:Q", scale=alt.Scale(domainMin=0, nice=True, zero=True), axis=y_axis)
    base = alt.Chart({"values": values})
    layers: list[alt.Chart] = []
    kinds = {value["kind"] for value in values}
    if "gap" in kinds:
        gaps = base.transform_filter("datum.kind == 'gap'").mark_bar(color=GAP)
        layers.append(gaps.encode(x=x, y=alt.value(0), y2=alt.value("height"), description="hover:N"))
    if "outline" in kinds:
        outlines = base.transform_filter("datum.kind == 'outline'").mark_bar(fill=GAP, strokeWidth=1.5)
        layers.append(outlines.encode(x=x, y=y, stroke=alt.Stroke("color:N", scale=None), description="hover:N"))
    if "bar" in kinds:
        bars = base.transform_filter("datum.kind == 'bar'").mark_bar()
        layers.append(bars.encode(x=x, y=y, fill=alt.Fill("color:N", scale=None), description="hover:N"))
    padding = Padding(left=50, right=8, top=10, bottom=26)
    return _draw(alt.LayerChart(layer=layers), caption, width, 200 if width == "wide" else 160, padding)


def draw_bars(bars: Sequence[Bar], caption: str, width: Width) -> str:
    """Draw horizontal bars in the order given: names to their left, on a phone above them. At least one."""
    import altair as alt  # noqa: PLC0415

    is_narrow = width == "narrow"
    step, thickness, shift, name_length = (42, 14, 8, 48) if is_narrow else (26, 16, 0, 36)
    values = [
        {
            "place": place,
            "name": wording.name(bar.name, name_length),
            "succeeded": bar.value - bar.failed,
            "value": bar.value,
            "mark": bar.mark,
            "end": max(bar.value, bar.mark or 0),
            "text": bar.text,
            "hover": f"{wording.name(bar.name)}: {bar.text}",
        }
        for place, bar in enumerate(bars)
    ]
    scale = alt.Scale(domain=[0, max(max(bar.value, bar.mark or 0) for bar in bars) or 1], nice=False)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=scale, axis=None)

    base = alt.Chart({"values": values}).encode(y=alt.Y("place:O", axis=None, scale=alt.Scale(padding=0)))
    drawn = base.mark_bar(height=thickness, yOffset=shift, color=ACCENT)
    name = base.mark_text(align="left", yOffset=-9) if is_narrow else base.mark_text(align="right")
    layers = [
        drawn.encode(x=x("succeeded"), description="hover:N"),
        name.encode(x=alt.value(0 if is_narrow else -10), text="name:N"),
        base.mark_text(align="left", dx=8, yOffset=shift).encode(x=x("end"), text="text:N"),
    ]
    if any(bar.failed for bar in bars):
        failed = base.transform_filter("datum.value > datum.succeeded")
        layers.append(
            failed.mark_bar(height=thickness, yOffset=shift, color=BAD).encode(x=x("succeeded"), x2="value:Q")
        )
    if any(bar.mark is not None for bar in bars):
        marked = base.transform_filter("isValid(datum.mark)")
        tick = marked.mark_tick(orient="vertical", size=thickness + 6, thickness=3, yOffset=shift, color=INK)
        layers.append(tick.encode(x=x("mark")))
    padding = Padding(2 if is_narrow else 236, right=20 + 7 * max(len(bar.text) for bar in bars), top=2, bottom=2)
    return _draw(alt.LayerChart(layer=layers), caption, width, step * len(bars), padding)


def _evenly(labels: Sequence[str], most: int) -> list[str]:
    """As many labels as fit, evenly spaced, the last one among them."""
    step = -(-len(labels) // most)
    return list(labels[::-1][::step][::-1])


def _draw(chart: "alt.LayerChart", caption: str, width: Width, height: int, padding: Padding) -> str:
    """The chart as SVG of a fixed total width, for a plot of this height."""
    import vl_convert  # noqa: PLC0415 - a native library of some size

    specification = (
        chart.properties(
            width=WIDTHS[width] - padding.left - padding.right,
            height=height,
            padding=padding._asdict(),
            autosize={"type": "none"},
            background="transparent",
        )
        .configure_view(stroke=None)
        .configure_text(fontSize=FONT_SIZE, baseline="middle", fill=INK)
    )
    drawn: str = vl_convert.vegalite_to_svg(specification.to_dict(validate=False))
    return _inline(drawn, caption)


def _inline(drawn: str, caption: str) -> str:
    """Strip what HTML does not need from an SVG, give it a name to be read out, and turn descriptions into tooltips."""
    root = ET.fromstring(drawn)  # noqa: S314 - our own drawing
    view_box = root.get("viewBox", "")
    for element in list(root.iter()):
        element.tag = element.tag.split("}")[-1]
        for name in ("d", "transform", "x2", "y2"):
            if name in element.attrib:
                element.set(name, LONG_NUMBER.sub(lambda match: f"{float(match[0]):.4g}", element.attrib[name]))
        hover = (
            element.get("aria-label")
            if element.tag == "path" and element.get("aria-roledescription") == "bar"
            else None
        )
        for name in list(element.attrib):
            if name.startswith("aria-") or name in DROPPED_ATTRIBUTES:
                del element.attrib[name]
        if hover:
            ET.SubElement(element, "title").text = hover
    _prune(root)
    root.attrib.clear()
    root.attrib.update({"viewBox": view_box, "role": "img", "aria-label": caption})
    return ET.tostring(root, encoding="unicode")


def _prune(parent: ET.Element) -> None:
    """Remove what draws nothing and groups that do nothing, from the leaves up."""
    for child in list(parent):
        _prune(child)
        if child.tag == "g" and child.get("transform") == "translate(0,0)":
            del child.attrib["transform"]
        is_background = child.tag == "rect" and child.get("fill") == "transparent"
        is_empty_group = child.tag == "g" and not len(child)
        is_undrawn = child.tag == "path" and (
            child.get("display") == "none" or not (child.get("fill") or child.get("stroke"))
        )
        if is_background or is_empty_group or is_undrawn:
            parent.remove(child)
        elif child.tag == "g" and not child.attrib:
            place = list(parent).index(child)
            parent[place : place + 1] = list(child)
