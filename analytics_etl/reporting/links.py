"""Where a report leads: to the one before and after, to the periods it is part of or made of, to other families."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from analytics_etl.reporting.period import Period
from analytics_etl.reporting.periods import (
    Cadence,
    next_end,
    period_label,
    period_name,
    previous_start,
    short_label,
)

Link = dict[str, str]


def report_links(
    period: Period, family: str, families: Iterable[str], newest_day: date, first_day: date | None
) -> dict[str, Any]:
    """Links relative to the report's own file; None where there is nothing to link to.

    `around` are the week and month of a day, the days and month of a week, the weeks of a month: the days that have
    anything loaded, since the others have no report. `families` have a report of the same period.
    """
    has_previous = first_day is None or period.start > first_day
    has_next = newest_day >= period.end
    name = period_name(period.cadence, period.start)
    return {
        "index": {"href": "../../index.html", "label": "All reports"},
        "json": {"href": f"{name}.json", "label": "This report as JSON"},
        "previous": _beside(period.cadence, previous_start(period.cadence, period.start)) if has_previous else None,
        "next": _beside(period.cadence, period.end) if has_next else None,
        "around": list(_around(period)),
        "families": [
            {"href": f"../../{other}/{period.cadence}/{name}.html", "label": other.capitalize()}
            for other in sorted(families)
            if other != family
        ],
    }


def _beside(cadence: Cadence, start: date) -> Link:
    return {
        "href": f"{period_name(cadence, start)}.html",
        "label": period_label(cadence, start, next_end(cadence, start)),
    }


def _around(period: Period) -> Iterable[Link]:
    week = period.start - timedelta(period.start.weekday())
    if period.cadence == "daily":
        yield _other("weekly", week)
    if period.cadence == "weekly":
        for day in period.days:
            if any(row["day"] == day and row["row_count"] is not None for row in period.own_days):
                yield _other("daily", day)
    if period.cadence == "monthly":
        while week < period.end:
            if week <= period.newest_day:
                yield _other("weekly", week)
            week += timedelta(7)
    else:
        yield _other("monthly", period.start.replace(day=1))


def _other(cadence: Cadence, start: date) -> Link:
    label = (
        period_label(cadence, start, next_end(cadence, start)) if cadence == "monthly" else short_label(cadence, start)
    )
    return {"href": f"../{cadence}/{period_name(cadence, start)}.html", "label": label.replace("W", "Week ")}
