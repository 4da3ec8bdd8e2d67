"""What is there: the matrix of tables and periods as values. Printing is the command line's business."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from analytics_etl.catalog import Catalog
from analytics_etl.models import Cadence, cadence_of
from analytics_etl.partitions import periods
from analytics_etl.warehouse import Warehouse

State = Literal["missing", "provisional", "final", "frozen late", "failed", "outdated", "archived"]


@dataclass(frozen=True)
class Matrix:
    """The state of each table in each period of one cadence."""

    cadence: Cadence
    periods: list[date]
    states: Mapping[str, list[State]]
    rows: Mapping[str, list[int | None]]


def matrices(warehouse: Warehouse, catalog: Catalog, first: date, last: date) -> list[Matrix]:
    """One matrix for each cadence, over the periods that hold the days first to last."""
    tables = [table for table in catalog.in_order() if table not in catalog.views]
    newest = warehouse.newest_day([table for table in tables if cadence_of(table) == "day"])
    records = {
        (r["table_name"], r["period_start"]): r
        for r in warehouse.partitions(first - timedelta(days=31), last + timedelta(days=1))
    }
    failed = warehouse.failed_partitions(first - timedelta(days=31), last)
    archived = warehouse.archived_days(tables, first - timedelta(days=31), last + timedelta(days=1))
    versions = {table: catalog.code_version(table) for table in tables}
    frozen = frozen_days(warehouse, catalog)
    found = []
    for cadence in _cadences():
        starts = periods(cadence, first, last)
        mine = [table for table in tables if cadence_of(table) == cadence]

        def state(table: str, start: date, end: date) -> State:
            record = records.get((table, start))
            if record is None:
                return "missing"
            if (table, start) in failed:
                return "failed"
            if start in archived.get(table, ()):
                return "archived"
            if (table, start) in frozen:
                return "frozen late"
            if record["code_version"] != versions[table]:
                return "outdated"
            is_final = newest is not None and newest >= end - timedelta(days=1) + timedelta(
                days=warehouse.settings.lateness_days
            )
            return "final" if is_final else "provisional"

        found.append(
            Matrix(
                cadence,
                list(starts),
                {table: [state(table, start, end) for start, end in starts.items()] for table in mine},
                {t: [records[t, s]["rows"] if (t, s) in records else None for s in starts] for t in mine},
            )
        )
    return found


def frozen_days(warehouse: Warehouse, catalog: Catalog) -> set[tuple[str, date]]:
    """(event table, day) of the loaded days that are final by their own table's newest day and have late rows."""
    lateness = timedelta(days=warehouse.settings.lateness_days)
    newest = {table: warehouse.newest_day([table]) for table in catalog.contracts}
    return {
        (table, day)
        for row in warehouse.waiting_days()
        if row["is_loaded"]
        for table, day in [(row["table_name"], row["day"])]
        if (latest := newest.get(table)) is not None and latest >= day + lateness
    }


def _cadences() -> tuple[Cadence, ...]:
    return ("day", "week", "month")
