"""The figures of the registry as a whole at the end of its newest day, with those of a period before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import ONE_DAY, are_there
from analytics_etl.ops.partitions import first_day, newest_day
from analytics_etl.postgres.database import Database

OVERVIEW = "registry.overview_daily"

DAYS_BEFORE: Mapping[str, int] = {
    "modules": 30, "versions": 30, "total_downloads_30d": 30, "active_users_7d": 7, "download_cache_hit_rate": 1,
    "compilation_cache_hit_rate": 1, "error_ratio": 1,
}  # fmt: skip
"""{figure: how many days before it is compared with}, so that periods do not overlap."""
_DAYS_COUNTED = {"total_downloads_30d": 30, "active_users_7d": 7}
"""{figure: days up to and including its own that it counts}; the others are of the day alone."""


@dataclass(frozen=True)
class Overview:
    """The figures of the newest day, and the same as they were before.

    None where that day had no events, and where fewer days were known then than the figure counts.
    """

    day: date
    now: Mapping[str, Any]
    before: Mapping[str, Any]


def overview_of_newest_day(database: Database) -> Overview | None:
    """The figures of the newest day with events; None before the first one."""
    newest = database.run(newest_day, [OVERVIEW]) if are_there(database, [OVERVIEW]) else None
    if newest is None:
        return None
    wanted = {"limit": len(DAYS_BEFORE)}
    found = ask(database, "registry.overview_figures", wanted, newest - timedelta(days=30), newest + ONE_DAY)
    by_day = {row["day"]: row for row in found}
    first = database.run(first_day, [OVERVIEW]) or newest

    def before(name: str) -> Any:
        day = newest - timedelta(days=DAYS_BEFORE[name])
        is_whole = first <= day - timedelta(days=_DAYS_COUNTED.get(name, 1) - 1)
        return by_day[day][name] if is_whole and day in by_day else None

    return Overview(
        newest, {name: by_day[newest][name] for name in DAYS_BEFORE}, {name: before(name) for name in DAYS_BEFORE}
    )
