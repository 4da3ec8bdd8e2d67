"""Statistics of schedule executions per hour, and of a range of days as a whole; those of days are in `schedules`."""

from dataclasses import replace
from datetime import date, datetime

from analytics_etl.families.queries import Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import ask_days, coverage_of_days, coverage_of_moments
from analytics_etl.families.queries.cursor import text_of, utc
from analytics_etl.families.queries.schedules import EVENTS, STATISTICS, check_tier
from analytics_etl.postgres.database import Database


def statistics_of_range(database: Database, first: date, last: date, schedule_type: str | None = None) -> Page:
    """The same of the days first to last together, all of it exact.

    Distinct executions and percentiles are those of the records of the range; they are None for a kind of work that
    has records on a day whose records were not kept; the highest daily percentiles remain. The throughput is that of
    the days that are loaded.
    """
    found = ask_days(database, [STATISTICS], "schedules.statistics_of_range", first, last, check_tier(schedule_type))
    events = coverage_of_days(database, EVENTS, first, last, is_raw=True)
    missing = found.coverage.missing if found.coverage else ()
    lack = ", so executions and percentiles of the range are not known"
    return replace(found, coverage=replace(events, missing=missing, lack=lack))


def statistics_of_hours(database: Database, start: datetime, end: datetime, schedule_type: str | None = None) -> Page:
    """The same per hour of [start, end), from the records themselves; an hour without any has no row.

    Times without a zone are UTC. An hour at an end of the range is that part of it.
    """
    since, until = utc(start), utc(end)
    if since >= until:
        raise QueryError(f"the end must be after the start, but {text_of(until)} is not after {text_of(since)}")
    window = {"since": text_of(since), "until": text_of(until)}
    found = ask(database, "schedules.statistics_of_hours", {**window, **check_tier(schedule_type)})
    return Page(found, coverage=coverage_of_moments(database, EVENTS, since, until, is_raw=True))
