"""Reports to write anew because something of their period failed since: a check, an attempt to write a table, a change
that was refused. The run that failed did not come to them, or wrote them before.

What failed, the books say, not Dagster: so it does not matter who ran what, and a report that says so is not due again.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from analytics_etl.catalog.calendar import NAMES, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.ops.reports import failures
from analytics_etl.pipeline.due_reports import Books, DueReport, families_with_reports
from analytics_etl.postgres.database import Database

WHY = "older than what failed"


def reports_of_failures(database: Database, catalog: Catalog) -> list[DueReport]:
    """The reports that can be written and are older than a failure in their period, or not there."""
    failed: list[dict[str, Any]] = database.read(failures)
    if not failed:
        return []
    first, last = min(row["period_start"] for row in failed), max(row["period_end"] for row in failed)
    books = Books.around(database, catalog, first, last)
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
                if books.is_there(family, cadence, start, end) and books.is_older(family, cadence, start, at)
            ]
    return found


def _period_of(row: Mapping[str, Any], around: Mapping[date, date]) -> tuple[date, date] | None:
    """The period that a partition lies in; None for a week in a month's report, which does not tell of it."""
    ((start, end),) = around.items()
    return (start, end) if row["period_end"] <= end else None
