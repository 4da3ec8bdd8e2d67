"""Partitions: days, ISO weeks and calendar months in UTC, and the periods a run is about."""

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from analytics_etl.catalog.calendar import Cadence, period_start, periods

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


def requested_periods(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, cadence: Cadence
) -> dict[date, date]:
    """The partitions a run is about, as start -> end."""
    window = context.partition_time_window
    return periods(cadence, window.start.date(), window.end.date() - timedelta(days=1))
