"""A line of points over the band of what is usual, as inline SVG."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from analytics_etl.reporting import svg


def draw_band(
    points: Sequence[tuple[float, float | None, float | None]], caption: str, width: svg.Width, mark: str = svg.BAD
) -> str:
    """Draw (value, lower, upper) of points in their order: a line over what is usual, the last point marked."""
    height, left = 120, 2
    ends = [end for point in points for end in point if end is not None]
    low, high = min(0.0, *ends), max(ends)
    step, scale = (svg.WIDTHS[width] - 2 * left - 8) / max(len(points) - 1, 1), (height - 16) / ((high - low) or 1)

    def place(number: int, value: float) -> str:
        return f"{left + number * step:.4g},{height - 8 - (value - low) * scale:.4g}"

    root = ET.Element("svg", {"viewBox": f"0 0 {svg.WIDTHS[width]} {height}", "role": "img"})
    root.set("aria-label", caption)
    for number, (_, lower, upper) in enumerate(points):
        if lower is not None and upper is not None:
            band = f"M{place(number, lower)}L{place(number, upper)}"
            look = {"stroke": svg.LINE, "stroke-width": f"{max(step, 4):.4g}"}
            ET.SubElement(root, "path", {"d": band, "fill": "none", **look})
    line = "L".join(place(number, value) for number, (value, _, _) in enumerate(points))
    ET.SubElement(root, "path", {"d": f"M{line}", "fill": "none", "stroke": svg.ACCENT, "stroke-width": "2"})
    x, y = place(len(points) - 1, points[-1][0]).split(",")
    ET.SubElement(root, "circle", {"cx": x, "cy": y, "r": "4", "fill": mark})
    return ET.tostring(root, encoding="unicode")
