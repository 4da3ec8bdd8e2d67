"""Days that somebody dropped and whose files are still there: nothing loads them again by itself.

The audit log knows when a day was dropped, the ledger when the content of a file was first seen. A file that came after
the drop makes its day due again, as does whoever runs it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from analytics_etl.ops.files import days_only_in_files
from analytics_etl.ops.operations import audited
from analytics_etl.postgres.database import Database

_SUBJECT = re.compile(r"(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d) of (.+)")


@dataclass(frozen=True)
class DroppedDay:
    """A day of a family, why it was dropped, and the files that hold rows of it."""

    family: str
    day: date
    reason: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.day} of {self.family} was dropped ({self.reason}), and its files are still in landing"


def dropped_days(database: Database) -> list[DroppedDay]:
    """The days that were dropped after all files were seen that hold rows of them, in order."""
    waiting = database.read(days_only_in_files)
    if not waiting:
        return []
    drops = [
        (row, date.fromisoformat(named[1]), date.fromisoformat(named[2]), named[3].split(", "))
        for row in reversed(database.read(audited, "drop"))
        if (named := _SUBJECT.fullmatch(row["subject"]))
    ]
    found = []
    for of in waiting:
        newest = next((row for row, a, b, families in drops if a <= of["day"] <= b and of["family"] in families), None)
        if newest is not None and of["found_at"] < newest["happened_at"]:
            found.append(DroppedDay(of["family"], of["day"], newest["reason"], tuple(of["paths"])))
    return found


def by_family(dropped: Iterable[DroppedDay]) -> dict[str, set[date]]:
    """{family: its days}."""
    days: dict[str, set[date]] = {}
    for each in dropped:
        days.setdefault(each.family, set()).add(each.day)
    return days
