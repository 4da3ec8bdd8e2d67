"""The calendar of reports: periods, their names and files, and the window each section is asked for. No data."""

from datetime import date, timedelta
from typing import Literal, NamedTuple

from analytics_etl.catalog.calendar import Name
from analytics_etl.reporting import wording

Cadence = Name
"""Names of the cadences of reports."""


class Window(NamedTuple):
    """What a report query is asked for: the period [start, end), and [previous_start, previous_end) before it, with
    which it is compared.
    """

    previous_start: date
    previous_end: date
    start: date
    end: date


TREND_DAYS = 30
TREND_WEEKS = 12
TREND_MONTHS = 12
GROWTH_DAYS = 7
"""Growth in a daily report compares the 7 days up to its end with the 7 before: one day is too short."""

COMPARED_WITH = {"daily": "the week before", "weekly": "the week before", "monthly": "the month before"}
"""What the numbers of each cadence are compared with, in words. Days have a rhythm of weeks: a Monday is
compared with the Monday before, not with a Sunday.
"""


WindowKind = Literal["period", "trend", "growth", "days"]
"""The kinds of windows, in this order: the period and the one before; all periods of the trend; the range in which
growth is measured and the one before; all days that anything is compared with."""


def window(kind: WindowKind, cadence: Cadence, start: date, end: date) -> Window:
    """The window to bind to a report query for the period [start, end)."""
    period = growth = Window(*compared_period(cadence, start), start, end)
    if cadence == "daily":
        middle = end - timedelta(GROWTH_DAYS)
        growth = Window(middle - timedelta(GROWTH_DAYS), middle, middle, end)
    if kind == "trend":
        first = trend_start(cadence, end)
        return Window(first, first, first, end)  # no comparison: its previous period is empty
    if kind == "growth":
        return growth
    return Window(growth.previous_start, start, start, end) if kind == "days" else period


def compared_period(cadence: Cadence, start: date) -> tuple[date, date]:
    """The period [first, after) that the one beginning at `start` is compared with: of a day the same weekday."""
    if cadence == "daily":
        return start - timedelta(7), start - timedelta(6)
    return previous_start(cadence, start), start


def previous_start(cadence: Cadence, start: date) -> date:
    """First day of the period before the one that begins at `start`."""
    if cadence == "monthly":
        return (start - timedelta(1)).replace(day=1)
    return start - timedelta(7 if cadence == "weekly" else 1)


def next_end(cadence: Cadence, start: date) -> date:
    """First day after the period that begins at `start`."""
    if cadence == "monthly":
        return (start + timedelta(31)).replace(day=1)
    return start + timedelta(7 if cadence == "weekly" else 1)


def trend_start(cadence: Cadence, end: date) -> date:
    """First day of the trend that ends with the period."""
    if cadence == "daily":
        return end - timedelta(TREND_DAYS)
    start = end
    for _ in range(TREND_WEEKS if cadence == "weekly" else TREND_MONTHS):
        start = previous_start(cadence, start)
    return start


def days_of(start: date, end: date) -> list[date]:
    """The days of [start, end), in order."""
    return [start + timedelta(number) for number in range((end - start).days)]


def period_label(cadence: Cadence, start: date, end: date) -> str:
    """The period in words."""
    if cadence == "daily":
        return f"{wording.WEEKDAYS[start.weekday()]} {wording.day(start)} {start.year}"
    if cadence == "weekly":
        year, week, _ = start.isocalendar()
        return f"week {week} of {year}, {wording.day_range(start, end)}"
    return f"{wording.MONTHS[start.month - 1]} {start.year}"


def short_label(cadence: Cadence, start: date) -> str:
    """The period on the axis of a chart, unique within a trend."""
    if cadence == "daily":
        return f"{start.day} {wording.MONTHS[start.month - 1][:3]}"
    if cadence == "weekly":
        return f"W{start.isocalendar().week}"
    return f"{wording.MONTHS[start.month - 1][:3]} {start:%y}"


def check_period(cadence: Cadence, start: date, end: date) -> None:
    """Raise ValueError unless [start, end) is one period of the cadence."""
    aligned = {"daily": True, "weekly": start.weekday() == 0, "monthly": start.day == 1}[cadence]
    if not aligned or end != next_end(cadence, start):
        expected = {"daily": "one day", "weekly": "an ISO week from a Monday on", "monthly": "a calendar month"}[
            cadence
        ]
        raise ValueError(f"a {cadence} report covers {expected}, but it was asked for {start} to {end} (exclusive)")
