"""From a chart to inline SVG: colours, sizes, sparklines. Knows nothing of reports.

Sizes never depend on the fonts of the machine: paddings are fixed and nothing is measured. Colours are those of
PALETTE's light side; the style sheet maps them to the dark side, so that a mail client without style sheets still shows
the light ones.

Charts are written in Vega's JSON, https://vega.github.io/vega/docs/: to translate the same from Vega-Lite takes about
as long as drawing it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree as ET

from analytics_etl.reporting import wording

JSON = dict[str, Any]
"""A part of a Vega specification."""

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
WIDTHS: Mapping[Width, int] = {"wide": 640, "narrow": 340, "half": 340}
"""Pixels. The style sheet shows each picture in about this width, so that its text is as large as it was drawn."""
FONT_SIZE = 12
CHARACTER_WIDTH = 7.5
"""Pixels of a character on average, of names in the widest of the usual system fonts."""
BASELINE = 4
"""Pixels from the middle of a text of that size to what it stands on."""
NAME_ROOM = {"wide": 196, "narrow": 336}
"""Pixels for the name of a horizontal bar: to the left of the plot, on a phone above it."""

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


FEW_COLUMNS = 6
"""Fewer than these are drawn as wide as if they were so many."""


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
    labels = [column.label for column in columns]
    style = {"labelColor": MUTED, "labelFontSize": FONT_SIZE, "labelOverlap": False, "labelLimit": 0}
    style |= {"labelPadding": 6, "ticks": False}
    # Below 1, d3 would write thousandths: 500m.
    small = "~g" if axis_format == "~s" else axis_format
    shown = f"datum.value < 1 ? '{small}' : '{axis_format}'"
    tick = {"signal": f"datum.value ? replace(format(datum.value, {shown}), 'G', 'B') : '0'"}
    y_axis: JSON = {"scale": "y", "orient": "left", "tickCount": 3, "domain": False}
    if axis_format == "~s":
        y_axis["tickMinStep"] = 1.0001  # there is no half a download; of a step of exactly 1 Vega makes ticks at halves
    x_axis = {"scale": "x", "orient": "bottom", "domainColor": LINE, "labelAngle": 0, "labelBaseline": "top"}
    axes = [
        {**y_axis, "grid": True, "gridScale": "x", "gridColor": LINE, "labels": False, "ticks": False},
        {**x_axis, **style, "values": _evenly(labels, 8 if width == "wide" else 5)},
        {**y_axis, **style, "encode": {"labels": {"update": {"text": tick}}}},
    ]
    outer = max(0.1, (FEW_COLUMNS - len(labels)) / 2)  # otherwise one or two columns would be as wide as the page
    most = max(column.value for column in columns if column.value is not None)
    x_scale = {"type": "band", "domain": labels, "range": "width", "paddingInner": 0.25, "paddingOuter": outer}
    y_scale = {"type": "linear", "domain": [0, most], "range": "height", "nice": True, "zero": True}
    of_kind: dict[str, list[JSON]] = {"gap": [], "outline": [], "bar": []}
    for column in columns:
        kind = "gap" if column.value is None else "outline" if column.is_partial else "bar"
        color = ACCENT if column.is_current else SOFT
        of_kind[kind].append({"label": column.label, "value": column.value, "color": color, "hover": column.hover})
    drawing = {
        "data": [{"name": kind, "values": values} for kind, values in of_kind.items()],
        "scales": [{"name": "x", **x_scale}, {"name": "y", **y_scale}],
        "axes": axes,
        "marks": [_rectangles(kind) for kind, values in of_kind.items() if values],
    }
    padding = Padding(left=50, right=8, top=10, bottom=26)
    return _draw(drawing, caption, width, 200 if width == "wide" else 160, padding)


def draw_bars(bars: Sequence[Bar], caption: str, width: Width) -> str:
    """Draw horizontal bars in the order given: names to their left, on a phone above them. At least one.

    A name that is too long for its room is cut in its middle. Drawn without Vega: a report has dozens of these, which
    are rectangles and text alone, and a specification of each takes many times as long to draw.
    """
    is_narrow = width == "narrow"
    step, thickness, shift = (42, 14, 8) if is_narrow else (26, 16, 0)
    name_length = int(NAME_ROOM["narrow" if is_narrow else "wide"] / CHARACTER_WIDTH)
    left = 2 if is_narrow else NAME_ROOM["wide"] + 10
    plot = WIDTHS[width] - left - 20 - 7 * max(len(bar.text) for bar in bars)
    scale = plot / (max(max(bar.value, bar.mark or 0) for bar in bars) or 1)
    root = ET.Element("svg", {"viewBox": f"0 0 {WIDTHS[width]} {step * len(bars) + 4}", "role": "img"})
    root.set("aria-label", caption)
    group = ET.SubElement(root, "g", {"fill": "none", "transform": f"translate({left},2)"})
    middles = [step * place + step / 2 for place in range(len(bars))]

    def strip(bar: Bar, middle: float, start: float, length: float, color: str) -> None:
        path = _rectangle(start * scale, middle - thickness / 2 + shift, length * scale, thickness)
        drawn = ET.SubElement(group, "path", {"d": path, "fill": color})
        ET.SubElement(drawn, "title").text = f"{wording.name(bar.name)}: {bar.text}"

    def write(text: str, anchor: str, x: float, middle: float) -> None:
        place = f"translate({_number(x)},{_number(middle + BASELINE)})"
        attributes = {"text-anchor": anchor, "transform": place, "font-size": f"{FONT_SIZE}px", "fill": INK}
        ET.SubElement(group, "text", attributes).text = text

    for bar, middle in zip(bars, middles, strict=True):
        strip(bar, middle, 0, bar.value - bar.failed, ACCENT)
    for bar, middle in zip(bars, middles, strict=True):
        name = wording.name(bar.name, name_length)
        write(name, *(("start", 0, middle - 9) if is_narrow else ("end", -10, middle)))
    for bar, middle in zip(bars, middles, strict=True):
        write(bar.text, "start", max(bar.value, bar.mark or 0) * scale + 8, middle + shift)
    for bar, middle in zip(bars, middles, strict=True):
        if bar.failed > 0:
            strip(bar, middle, bar.value - bar.failed, bar.failed, BAD)
    for bar, middle in zip(bars, middles, strict=True):
        if bar.mark is not None:
            height = thickness + 6
            path = _rectangle(bar.mark * scale - 1.5, middle + shift - height / 2, 3, height)
            ET.SubElement(group, "path", {"d": path, "fill": INK})
    return ET.tostring(root, encoding="unicode")


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    """The data of a path around a rectangle."""
    wide = _number(width)
    return f"M{_number(x)},{_number(y)}h{wide}v{_number(height)}h{_number(-width)}Z"


def _number(value: float) -> str:
    """A coordinate, which needs no more than four digits."""
    return f"{value:.4g}" if round(value, 1) != value else f"{value or 0:g}"


def _evenly(labels: Sequence[str], most: int) -> list[str]:
    """As many labels as fit, evenly spaced, the last one among them."""
    step = -(-len(labels) // most)
    return list(labels[::-1][::step][::-1])


_LOOKS: Mapping[str, JSON] = {
    "gap": {"fill": {"value": GAP}, "y": {"value": 0}, "y2": {"signal": "height"}},
    "outline": {"fill": {"value": GAP}, "stroke": {"field": "color"}, "strokeWidth": {"value": 1.5}},
    "bar": {"fill": {"field": "color"}},
}
"""Kind of a column -> what is its own: a gap is as high as the plot."""


def _rectangles(kind: str) -> JSON:
    """The mark of all columns of a kind."""
    update = {
        "x": {"scale": "x", "field": "label"},
        "width": {"scale": "x", "band": 1},
        "y": {"scale": "y", "field": "value"},
        "y2": {"scale": "y", "value": 0},
        "description": {"field": "hover"},
        "ariaRoleDescription": {"value": "bar"},
        **_LOOKS[kind],
    }
    return {"type": "rect", "from": {"data": kind}, "encode": {"update": update}}


def _draw(drawing: JSON, caption: str, width: Width, height: int, padding: Padding) -> str:
    """Scales, axes and marks as SVG of a fixed total width, for a plot of this height."""
    import vl_convert  # noqa: PLC0415 - a native library of some size

    specification = {
        **drawing,
        "width": WIDTHS[width] - padding.left - padding.right,
        "height": height,
        "padding": padding._asdict(),
        "autosize": "none",
        "background": "transparent",
    }
    drawn: str = vl_convert.vega_to_svg(specification)
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
