"""Reports to rewrite because something of their period failed after they were written.

That is a failed check, a failed write of a table, or a refused change: the run did not reach the report, or wrote it
before the failure.

The books say what failed, not Dagster: so it does not matter how the run was started, and a report that already shows
the failure is not due again.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from analytics_etl.catalog.calendar import NAMES, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops.reports import failures
from analytics_etl.pipeline.due_reports import DueReport, ReportStates, families_with_reports
from analytics_etl.postgres.database import Database

WHY = "older than what failed"


def reports_of_failures(database: Database, catalog: Catalog) -> list[DueReport]:
    """The reports that are missing, or older than a failure in their period, and that can be written."""
    failed: list[dict[str, Any]] = database.read(failures)
    if not failed:
        return []
    first, last = min(row["period_start"] for row in failed), max(row["period_end"] for row in failed)
    states = ReportStates.around(database, catalog, first, last)
    found = []
    for family in families_with_reports(catalog):
        for cadence in NAMES:
            since: dict[tuple[date, date], datetime] = {}
            for row in failed:
                period = _period_of(row, periods(cadence, row["period_start"], row["period_start"]))
                if row["family"] == family and period is not None:
                    since[period] = max(since.get(period, row["at"]), row["at"])
            found += [
                DueReport(family, cadence, start, end, WHY)
                for (start, end), at in sorted(since.items())
                if states.has_tables(family, cadence, start, end) and states.is_older(family, cadence, start, at)
            ]
    return found


def _period_of(row: Mapping[str, Any], around: Mapping[date, date]) -> tuple[date, date] | None:
    """The period that contains a partition; None if the partition reaches beyond it."""
    ((start, end),) = around.items()
    return (start, end) if row["period_end"] <= end else None
