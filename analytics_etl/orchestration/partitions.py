"""Partitions: days, ISO weeks and calendar months in UTC, and the periods a run is about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from analytics_etl.catalog.models import Cadence

MONDAY = 1


@dataclass(frozen=True)
class Partitions:
    """The partitions of each cadence, from the first day on."""

    day: dg.DailyPartitionsDefinition
    week: dg.WeeklyPartitionsDefinition
    month: dg.MonthlyPartitionsDefinition

    @classmethod
    def since(cls, start: date) -> "Partitions":
        """A day can be run when it is over; the current week and month can be run, too, and are provisional."""
        return cls(
            day=dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC"),
            week=dg.WeeklyPartitionsDefinition(
                start_date=period_start("week", start).isoformat(), timezone="UTC", day_offset=MONDAY, end_offset=1
            ),
            month=dg.MonthlyPartitionsDefinition(
                start_date=period_start("month", start).isoformat(), timezone="UTC", end_offset=1
            ),
        )

    def of(self, cadence: Cadence) -> dg.TimeWindowPartitionsDefinition:
        return {"day": self.day, "week": self.week, "month": self.month}[cadence]


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


def requested_periods(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, cadence: Cadence
) -> dict[date, date]:
    """The partitions a run is about, as start -> end."""
    window = context.partition_time_window
    return periods(cadence, window.start.date(), window.end.date() - timedelta(days=1))


def neighbours(wanted: Mapping[date, date]) -> Iterator[dict[date, date]]:
    """Periods (start -> end) in groups that follow one another without a gap."""
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
    """First and last of each group of days that follow one another."""
    ordered = sorted(days)
    breaks = [n for n, day in enumerate(ordered) if n == 0 or day != ordered[n - 1] + timedelta(days=1)]
    for begin, end in zip(breaks, [*breaks[1:], len(ordered)][: len(breaks)], strict=True):
        yield ordered[begin], ordered[end - 1]
