"""A value as text: in a table, on a card, in a tooltip, for a program; and the tone of a score. How words and numbers
look stands in `wording`.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.calendar import period_label
from analytics_etl.reporting.period import Value

GOOD_SCORE, FAIR_SCORE = 80, 50  # from which a score is green, and amber

_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "count": wording.grouped,
    "bytes": wording.size,
    "duration_ms": wording.duration,
    "ratio": wording.ratio,
    "change_ratio": wording.change,
    "moment": lambda text: wording.moment(datetime.fromisoformat(text)),
    "date": lambda text: wording.short_date(date.fromisoformat(text)),
    "words": wording.words,
    "score": wording.score,
    "decimal": lambda number: wording.count(float(number)),
}


def reading(value: Value, kind: str) -> str:
    """A value as text for a table."""
    if value is None:
        return wording.NOTHING
    if (writer := _WRITERS.get(kind)) is not None:
        return writer(value)
    if kind in ("day", "daily"):
        day = date.fromisoformat(value)
        return f"{wording.WEEKDAYS[day.weekday()][:3]} {day.day} {wording.MONTHS[day.month - 1][:3]}"
    if kind == "weekly":
        start = date.fromisoformat(value)
        return f"W{start.isocalendar().week}, from {wording.day(start)}"
    if kind == "monthly":
        start = date.fromisoformat(value)
        return period_label("monthly", start, start)
    return str(value)


def exact(value: Value, kind: str) -> str:
    """A number in full, for the tooltip of its rounded form."""
    if value is None:
        return "no data"
    unit = {"bytes": " bytes", "duration_ms": " ms"}.get(kind, "")
    return f"{value:,}{unit}" if isinstance(value, int) else f"{value!r}{unit}"


def raw(value: Value) -> str:
    """A value for a program that sorts or saves it: all digits, nothing for NULL."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def grade(score: float) -> str:
    """The tone of a score from 0 to 100."""
    return "good" if score >= GOOD_SCORE else "warn" if score >= FAIR_SCORE else "bad"


def headline(value: Value, kind: str) -> str:
    """A value as the big number of a card."""
    return wording.count(value) if kind == "count" else reading(value, kind)
