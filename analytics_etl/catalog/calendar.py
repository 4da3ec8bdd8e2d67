"""The calendar of partitions: days, ISO weeks (from Monday) and calendar months, all in UTC. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

Cadence = Literal["day", "week", "month"]
Name = Literal["daily", "weekly", "monthly"]
CADENCES: tuple[Cadence, ...] = ("day", "week", "month")
NAMES: Mapping[Cadence, Name] = {"day": "daily", "week": "weekly", "month": "monthly"}
"""The names of the jobs and reports of a cadence."""


def period_start(cadence: Cadence, day: date) -> date:
    """First day of the period that holds a day."""
    if cadence == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if cadence == "month" else day


def period_end(cadence: Cadence, start: date) -> date:
    """First day after the period that starts on a day."""
    if cadence == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if cadence == "week" else 1)


def periods(cadence: Cadence, first: date, last: date) -> dict[date, date]:
    """The periods that hold the days first to last (both included), as start -> end."""
    found = {}
    start = period_start(cadence, first)
    while start <= last:
        found[start] = period_end(cadence, start)
        start = found[start]
    return found


def period_name(cadence: Name, start: date) -> str:
    """The period's name in files and links: 2025-03-31, 2025-W14 or 2025-03."""
    if cadence == "daily":
        return start.isoformat()
    if cadence == "weekly":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02}"
    return f"{start:%Y-%m}"


def report_path(family: str, cadence: Name, start: date, suffix: Literal["html", "json"] = "html") -> str:
    """The path of the report below the reports folder; links in reports and in the index rely on it."""
    return f"{family}/{cadence}/{period_name(cadence, start)}.{suffix}"


def neighbours(wanted: Mapping[date, date]) -> Iterator[dict[date, date]]:
    """Periods (start -> end) in groups of consecutive ones."""
    group: dict[date, date] = {}
    for start in sorted(wanted):
        if group and start not in group.values():
            yield group
            group = {}
        group[start] = wanted[start]
    if group:
        yield group


def chunks(days: Sequence[date], size: int) -> list[list[date]]:
    """Days in groups of at most `size`."""
    return [list(days[i : i + size]) for i in range(0, len(days), size)]


def stretches(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """First and last day of each group of consecutive days."""
    ordered = sorted(days)
    breaks = [n for n, day in enumerate(ordered) if n == 0 or day != ordered[n - 1] + timedelta(days=1)]
    for begin, end in zip(breaks, [*breaks[1:], len(ordered)][: len(breaks)], strict=True):
        yield ordered[begin], ordered[end - 1]
