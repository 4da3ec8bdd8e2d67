"""Gaps: days that have neither a partition nor rows in a landing file, between days that have.

A long gap comes from one run far from the others: a wrong year, or months without the daemon. Its days are not due, so
that one run does not make hundreds of empty days. `doctor` reports it until somebody accepts or backfills it.

Days that somebody accepted as days without data are not due either, however few they are. The audit log has the
acceptance, which counts until somebody takes it back, or until data of the day arrives.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from analytics_etl.catalog.calendar import stretches
from analytics_etl.ops import partitions
from analytics_etl.ops.days import FAR_DAYS
from analytics_etl.ops.records import audited
from analytics_etl.pipeline.dropped_days import dropped_days
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, spanned

__all__ = [
    "ACCEPT",
    "FAR_DAYS",
    "TAKE_BACK",
    "Gap",
    "accepted_days",
    "empty_days",
    "explain",
    "find",
    "first_known",
    "known_in",
    "last_day_before",
    "not_due",
]

ACCEPT, TAKE_BACK = "accept gap", "take back gap"
"""Actions in the audit log; their subject is like `2025-04-01 to 2025-04-30`."""

_SUBJECT = re.compile(r"(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """The days first to last, which have no data."""

    first: date
    last: date
    is_accepted: bool

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{spanned(self.first, self.last)} ({counted(self.days, 'day')})"


def find(database: Database) -> list[Gap]:
    """The long gaps and the accepted ones, in order."""
    known = _known_days(database)
    accepted = accepted_days(database) - set(known)
    gaps = [Gap(first, last, is_accepted=True) for first, last in stretches(accepted)]
    for before, after in pairwise(known):
        if after - before > timedelta(days=FAR_DAYS):
            between = {before + n * _DAY for n in range(1, (after - before).days)}
            gaps += [Gap(first, last, is_accepted=False) for first, last in stretches(between - accepted)]
    return sorted(gaps, key=lambda gap: gap.first)


def not_due(gaps: Iterable[Gap]) -> set[date]:
    """The days of gaps: they are not due."""
    return {gap.first + n * _DAY for gap in gaps for n in range(gap.days)}


def last_day_before(gaps: Iterable[Gap]) -> date | None:
    """The day before the first gap that nobody accepted; None without such a gap.

    Retention counts from there: days after the gap may be a mistake, and removed data cannot be brought back.
    """
    return next((gap.first - _DAY for gap in gaps if not gap.is_accepted), None)


def accepted_days(database: Database) -> set[date]:
    """The days that somebody accepted as days without data."""
    found: set[date] = set()
    for row in database.read(audited, ACCEPT, TAKE_BACK):
        if named := _SUBJECT.fullmatch(row["subject"]):
            first, last = map(date.fromisoformat, named.groups())
            days = {first + n * _DAY for n in range((last - first).days + 1)}
            found = found | days if row["action"] == ACCEPT else found - days
    return found


def known_in(database: Database, first: date, last: date) -> list[date]:
    """The days first to last that have a partition or rows in a landing file."""
    return [day for day in _known_days(database) if first <= day <= last]


def first_known(database: Database) -> date | None:
    """The first day that has a partition or rows in a landing file; None without any."""
    return next(iter(_known_days(database)), None)


def empty_days(database: Database, tables: Sequence[str], first: date, last: date) -> list[date]:
    """The days first to last that are loaded into some tables and have no row in any of them, in order."""
    return database.read(partitions.empty_days, tables, first, last)


def explain(gap: Gap) -> tuple[str, str]:
    """(description, advice) for a gap that nobody accepted; the advice has one command per line."""
    span = f"{gap.first} {gap.last}"
    detail = (
        f"nobody has files of {gap}, so these days are not due; the days before are final, and retention counts from "
        f"{gap.first - _DAY}"
    )
    advice = [
        f'if there is no data: analytics-etl accept-gap {span} --reason "why"',
        f"if there is: analytics-etl backfill {span}",
        f'if what comes after it was run by mistake: analytics-etl drop {gap.last + _DAY} --reason "why"',
    ]
    return detail, "\n".join(advice)


def _known_days(database: Database) -> list[date]:
    """The days from ANALYTICS_START_DATE on that have a partition or rows in a landing file, in order.

    Dropped days that have only the files they had before the drop do not count.
    """
    found = database.read(partitions.known_days, database.settings.start_date, date.max)
    dropped = {each.day for each in dropped_days(database)}
    return [day for day, is_loaded in found.items() if is_loaded or day not in dropped]
