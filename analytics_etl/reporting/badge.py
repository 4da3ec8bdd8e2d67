"""The badge of a module as an SVG of its own, for a README: it asks the network for nothing, and can be read out."""

import re
from collections.abc import Mapping
from html import escape

from analytics_etl.reporting import wording

BADGE_TONES: Mapping[str, tuple[str, str]] = {
    "green": ("good", "#17723f"),
    "amber": ("warn", "#8f5a00"),
    "red": ("bad", "#b3261e"),
    "unknown": ("muted", "#5a6472"),
}
"""{badge: (tone of the style sheet, its light colour)}: white text on each has a contrast of 4.5 and more."""

_LABEL = "schema health"
_CHARACTER, _ROOM, _HEIGHT = 6.6, 10, 20
"""Pixels: of a character at 11 pixels, beside a text, of the badge."""
_NO_XML = re.compile("[\ufffe\uffff]")
"""What XML 1.0 does not know, beside the control characters that no name shows."""


def badge_words(badge: str, score: float | None) -> str:
    """What a badge says: never by its colour alone."""
    return "unknown" if score is None else f"{badge} {wording.score(score)}"


def render_badge(module: str, badge: str, score: float | None) -> str:
    """The badge of a module: its score and the name of the colour on the colour."""
    words = badge_words(badge, score)
    left, right = (round(len(text) * _CHARACTER) + 2 * _ROOM for text in (_LABEL, words))
    color = BADGE_TONES[badge][1]
    title = escape(f"{_LABEL} of {_NO_XML.sub(wording.UNFIT, wording.name(module))}: {words}")
    texts = "".join(
        f'<text x="{x:g}" y="14" textLength="{round(len(text) * _CHARACTER)}">{text}</text>'
        for text, x in ((_LABEL, left / 2), (words, left + right / 2))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{title}"><title>{title}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><path fill="#3f4650" d="M0 0h{left}v{_HEIGHT}H0z"/>'
        f'<path fill="{color}" d="M{left} 0h{right}v{_HEIGHT}H{left}z"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g>'
        "</svg>\n"
    )
