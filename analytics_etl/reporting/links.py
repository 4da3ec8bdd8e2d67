"""Where a report leads: to the one before and after, to the periods it is part of or made of, to other families."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from analytics_etl.catalog.calendar import period_name
from analytics_etl.reporting.calendar import (
    Cadence,
    days_of,
    next_end,
    period_label,
    short_label,
)
from analytics_etl.reporting.period import Period

Link = dict[str, str]


def report_links(
    period: Period, family: str, families: Iterable[str], neighbours: tuple[date | None, date | None]
) -> dict[str, Any]:
    """Links relative to the report's own file; None where there is nothing to link to.

    `around` links a day to its week and month, a week to its days and month, a month to its weeks, as far as anything
    of these is loaded, since the others have no report. `families` have a report of the same period, `neighbours` are
    the first days of the periods before and after that have one.
    """
    previous, following = neighbours
    name = period_name(period.cadence, period.start)
    return {
        "index": {"href": "../../index.html", "label": "All reports"},
        "json": {"href": f"{name}.json", "label": "This report as JSON"},
        "previous": _beside(period.cadence, previous) if previous else None,
        "next": _beside(period.cadence, following) if following else None,
        "around": list(_around(period)),
        "families": [
            {"href": f"../../{other}/{period.cadence}/{name}.html", "label": other.capitalize()}
            for other in sorted(families)
            if other != family
        ],
    }


def _beside(cadence: Cadence, start: date) -> Link:
    label = period_label(cadence, start, next_end(cadence, start))
    return {"href": f"{period_name(cadence, start)}.html", "label": label[0].upper() + label[1:]}


def _around(period: Period) -> Iterable[Link]:
    week = period.start - timedelta(period.start.weekday())
    loaded = {day for (_, day), row in period.day_states.items() if row["row_count"] is not None}
    if period.cadence == "daily":
        yield _other("weekly", week)
    if period.cadence == "weekly":
        for day in period.days:
            if day in loaded:
                yield _other("daily", day)
    if period.cadence == "monthly":
        while week < period.end:
            if loaded.intersection(days_of(week, week + timedelta(7))):
                yield _other("weekly", week)
            week += timedelta(7)
    else:
        yield _other("monthly", period.start.replace(day=1))


def _other(cadence: Cadence, start: date) -> Link:
    label = (
        period_label(cadence, start, next_end(cadence, start)) if cadence == "monthly" else short_label(cadence, start)
    )
    return {"href": f"../{cadence}/{period_name(cadence, start)}.html", "label": label.replace("W", "Week ")}
