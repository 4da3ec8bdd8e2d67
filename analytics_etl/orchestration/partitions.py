"""Dagster's partitions: days, ISO weeks and calendar months in UTC; and the periods that a run covers."""

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from analytics_etl.catalog.calendar import Cadence, period_start, periods

MONDAY = 1


@dataclass(frozen=True)
class Partitions:
    """The partitions of each cadence."""

    day: dg.DailyPartitionsDefinition
    week: dg.WeeklyPartitionsDefinition
    month: dg.MonthlyPartitionsDefinition

    @classmethod
    def since(cls, start: date) -> "Partitions":
        """All partitions from a first day on: days that are over, weeks and months including the current ones."""
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
    """The partitions that a run covers: start -> end (exclusive)."""
    window = context.partition_time_window
    return periods(cadence, window.start.date(), window.end.date() - timedelta(days=1))
