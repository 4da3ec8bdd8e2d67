"""Days that somebody dropped and whose files are still there: no backfill loads them again.

The audit log has the time of the drop, the ledger the time when the content of a file was first seen. A file that came
after the drop makes its day due again. Running the day by name loads it in any case.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from analytics_etl.ops.files import days_only_in_files
from analytics_etl.ops.records import audited
from analytics_etl.postgres.database import Database

_SUBJECT = re.compile(r"(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d) of (.+)")


@dataclass(frozen=True)
class DroppedDay:
    """A dropped day of a family, the reason, and the files that have rows of it."""

    family: str
    day: date
    reason: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.day} of {self.family} was dropped ({self.reason}), and its files are still in landing"


def dropped_days(database: Database) -> list[DroppedDay]:
    """The dropped days whose files were all seen before the drop, in order."""
    waiting = database.read(days_only_in_files)
    if not waiting:
        return []
    drops = [
        (row, date.fromisoformat(named[1]), date.fromisoformat(named[2]), named[3].split(", "))
        for row in reversed(database.read(audited, "drop"))
        if (named := _SUBJECT.fullmatch(row["subject"]))
    ]
    found = []
    for row in waiting:
        family, day = row["family"], row["day"]
        drop = next((of for of, first, last, families in drops if first <= day <= last and family in families), None)
        if drop is not None and row["found_at"] < drop["happened_at"]:
            found.append(DroppedDay(family, day, drop["reason"], tuple(row["paths"])))
    return found


def by_family(dropped: Iterable[DroppedDay]) -> dict[str, set[date]]:
    """{family: its dropped days}."""
    days: dict[str, set[date]] = {}
    for each in dropped:
        days.setdefault(each.family, set()).add(each.day)
    return days
