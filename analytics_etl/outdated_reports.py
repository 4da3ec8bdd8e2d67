"""Reports beside those of a run that no longer say what the tables hold: the run changed days around its own.

How far a change reaches is known of each table by its SELECT; that there was one, by the change record.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from analytics_etl.models import Cadence, Model
from analytics_etl.partitions import period_start
from analytics_etl.warehouse import Warehouse


def outdated_reports(
    warehouse: Warehouse, models: Iterable[Model], cadence: Cadence, requested: Mapping[date, date], run_id: str,
    path_of: Callable[[date], Path],
) -> list[date]:  # fmt: skip
    """First days of the other reports that are there (`path_of` says where) and were written before a table they show
    changed in a partition that reads the requested periods (start -> end).

    Changes of the run itself count whatever the clocks of this machine and of the database say.
    """
    reach = {m.table: m.touches(min(requested), max(requested.values())) for m in models}
    first, last = min(after for after, _ in reach.values()), max(before for _, before in reach.values())
    found = set()
    for change in warehouse.published_changes(list(reach), first, last):
        after, before = reach[change["table_name"]]
        start = period_start(cadence, change["period_start"])
        if start in requested or change["period_end"] <= after or change["period_start"] >= before:
            continue
        if (path := path_of(start)).exists():
            written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if change["changed_at"] > written_at or change["run_id"] == run_id:
                found.add(start)
    return sorted(found)
