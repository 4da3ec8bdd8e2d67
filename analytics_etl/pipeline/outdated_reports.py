"""Reports that a run makes outdated, beside those it writes.

Such a run changes days around its own, makes earlier reports final, or loads the days that earlier reports wait for.

The SELECT of a table says how far a change can reach; the change record says whether there was one.
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
"""Length of the longest period: the lateness window of a report counts from its last day, not from its first."""


def outdated_reports(
    database: Database, models: Iterable[Model], cadence: Cadence, requested: Mapping[date, date], run_id: str,
    path_of: Callable[[date], Path],
) -> list[date]:  # fmt: skip
    """First days of the other existing reports that are older than a change of their tables.

    Only changes count of partitions that the requested periods (start -> end) affect. `path_of` gives the file of a
    report. Changes of the run itself always count, since the clocks of this machine and of the database may differ.
    """
    affected = {m.table: m.affected_between(min(requested), max(requested.values())) for m in models}
    first, last = min(after for after, _ in affected.values()), max(before for _, before in affected.values())
    found = set()
    for change in database.run(published_changes, list(affected), first, last):
        after, before = affected[change["table_name"]]
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
    """First days of the reports before `first` that say they are provisional although their days are final now."""
    newest = database.run(newest_day, [model.table for model in models])
    lateness = database.settings.lateness
    longest = timedelta(days=max([lateness.default, *(days for _, days in lateness.tables)]) + LONGEST_PERIOD_DAYS)
    found = []
    for start in periods(cadence, max(first - longest, database.settings.start_date), first):
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
    """First days of the existing, unpublished reports for which all days are loaded that their tables look ahead to.

    Whether all days of the report itself are loaded is decided when it is written.
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
