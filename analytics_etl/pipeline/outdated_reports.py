"""Reports beside those of a run that no longer say what the tables hold: the run changed days around its own, made
earlier ones final, or loaded the days that earlier ones waited for.

How far a change reaches is known of each table by its SELECT; that there was one, by the change record.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from analytics_etl.catalog.calendar import Cadence, period_start, periods
from analytics_etl.catalog.models import Model
from analytics_etl.ops.changes import published_changes
from analytics_etl.ops.partitions import has_days, newest_day
from analytics_etl.ops.reports import published_starts
from analytics_etl.postgres.database import Database

LONGEST_PERIOD_DAYS = 31
"""A report may begin so long before the last of its days, from which the lateness window is counted."""


def outdated_reports(
    database: Database, models: Iterable[Model], cadence: Cadence, requested: Mapping[date, date], run_id: str,
    path_of: Callable[[date], Path],
) -> list[date]:  # fmt: skip
    """First days of the other reports that are there (`path_of` says where) and were written before a table they show
    changed in a partition that reads the requested periods (start -> end).

    Changes of the run itself count whatever the clocks of this machine and of the database say.
    """
    reach = {m.table: m.affects(min(requested), max(requested.values())) for m in models}
    first, last = min(after for after, _ in reach.values()), max(before for _, before in reach.values())
    found = set()
    for change in database.run(published_changes, list(reach), first, last):
        after, before = reach[change["table_name"]]
        start = period_start(cadence, change["period_start"])
        if start in requested or change["period_end"] <= after or change["period_start"] >= before:
            continue
        if (path := path_of(start)).exists():
            written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if change["changed_at"] > written_at or change["run_id"] == run_id:
                found.add(start)
    return sorted(found)


def matured_reports(
    database: Database, models: Iterable[Model], cadence: Cadence, first: date, path_of: Callable[[date], Path]
) -> list[date]:
    """First days of the reports before `first` that call themselves provisional, when what they waited for is there."""
    newest = database.run(newest_day, [model.table for model in models])
    lateness = database.settings.lateness
    reach = timedelta(days=max([lateness.default, *(days for _, days in lateness.tables)]) + LONGEST_PERIOD_DAYS)
    found = []
    for start in periods(cadence, max(first - reach, database.settings.start_date), first):
        if start >= first or newest is None or not (path := path_of(start)).exists():
            continue
        state = json.loads(path.read_text(encoding="utf-8"))["state"]
        if not state["is_final"] and date.fromisoformat(state["final_from"]) <= newest:
            found.append(start)
    return found


def publishable_reports(
    database: Database, models: Iterable[Model], name: str, cadence: Cadence, requested: Mapping[date, date],
    look_ahead: int, path_of: Callable[[date], Path],
) -> list[date]:  # fmt: skip
    """First days of the earlier reports that are there and not published, when the run loaded the last of the days
    their tables look ahead to. Whether a report has all its own days, it finds out when it is written.
    """
    tables = [model.table for model in models if model.cadence == "day"]
    family = tables[0].split(".", maxsplit=1)[0]
    published = database.read(published_starts, family, name) if look_ahead else set()
    since = max(min(requested) - timedelta(days=look_ahead), database.settings.start_date)
    return [
        start
        for start, end in periods(cadence, since, max(requested.values()) - timedelta(days=1)).items()
        if look_ahead and start not in requested and start not in published and path_of(start).exists()
        and database.run(has_days, tables, end, end + timedelta(days=look_ahead))
    ]  # fmt: skip
