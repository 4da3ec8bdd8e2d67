"""Undoing days: what goes, what is made anew, in which order. Printing and asking are the command line's business.

The days leave tables and books in one transaction, their reports just before it commits. By then the books say which
other days were made of them, so that whoever is interrupted can go on, with the same command or `backfill --missing`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.calendar import NAMES, Cadence, period_end, period_start
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.reporting import report_path
from analytics_etl.tables.dropping import File, Found, Period, Target, refuse_archived
from analytics_etl.tables.warehouse import Warehouse

__all__ = ["Dropped", "File", "Found", "Period", "Target", "look", "run", "target_of"]

Tell = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)"""

_TREND_DAYS: dict[Cadence, int] = {"day": 31, "week": 12 * 7, "month": 366}
"""How long after a period a report may show it, in its trend or beside its own numbers."""


@dataclass
class Dropped:
    """What became of the days."""

    found: Found
    reports: list[Path]
    """HTML files of the reports that went, or would."""
    remade: dict[str, list[date]] = field(default_factory=dict)
    """{table: first days of its partitions that were made anew}"""
    rewritten: int = 0
    """Reports of other periods that were written again."""

    @property
    def rows(self) -> int:
        return sum(period.rows for period in self.found.partitions)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing of the days but, perhaps, files that wait."""
        return not self.found.partitions and not self.reports and all(file.is_there for file in self.found.files)

    @property
    def final_days(self) -> list[date]:
        return sorted({period.start for period in self.found.partitions if period.is_final})


def target_of(
    catalog: Catalog, first: date, last: date, families: tuple[str, ...] = (), *, are_archives_needed: bool = True
) -> Target:
    """The days of some families, of all of them when none is named. Raise DatabaseError when a table is broken, since
    nobody knows what it is made of.
    """
    if broken := [f"{table}: {why}" for table, why in catalog.broken.items() if is_of(table, families)]:
        raise DatabaseError(f"no day can be dropped as long as a SQL file is broken; mend it first: {broken[0]}")
    models = [catalog.aggregates[table] for table in catalog.in_order() if table in catalog.aggregates]
    return Target(
        first, last,
        [contract for contract in catalog.contracts.values() if is_of(contract.table, families)],
        [model for model in models if is_of(model.table, families)],
        [model for model in models if not is_of(model.table, families)],
        are_archives_needed,
    )  # fmt: skip


def look(warehouse: Warehouse, target: Target) -> Dropped:
    """What dropping would do. Raise DatabaseError for archived days."""
    found = warehouse.find_days(target)
    refuse_archived(found.archived)
    return Dropped(found, list(_going_reports(warehouse, target)))


def run(warehouse: Warehouse, catalog: Catalog, target: Target, actor: str, reason: str, tell: Tell) -> Dropped:
    """Drop the days, make anew what was made of them, refresh the views, write other reports and the index again."""
    steps = 1 + len(catalog.aggregates) + len(catalog.views) + 1
    tell(f"dropping {target.first} to {target.last}", 0, steps)
    reports = list(_going_reports(warehouse, target))

    archive = ArchiveFolder(warehouse.settings.archive_dir)

    def remove_files(archived: Mapping[str, Sequence[date]]) -> None:
        """Reports; and files of the archive that nobody needs."""
        going = [path for html in reports for path in (html, html.with_suffix(".json"))]
        for table, days in archived.items():
            going += [path for day in days for path in (archive.file(table, day), archive.manifest(table, day))]
        for path in going:
            path.unlink(missing_ok=True)

    dropped = Dropped(warehouse.drop_days(target, actor, reason, remove_files), reports)
    order = [catalog.aggregates[table] for table in catalog.in_order() if table in catalog.aggregates]
    for done, model in enumerate(order, start=1):
        tell(f"making anew what was made of them: {model.table}", done, steps)
        if starts := warehouse.remake(model):
            dropped.remade[model.table] = starts
    there = warehouse.view_versions(list(catalog.views))
    for done, view in enumerate(catalog.views, start=1 + len(order)):
        if view in there:
            tell(f"refreshing {view}", done, steps)
            warehouse.refresh(catalog.views[view])
    for family, cadence, start in list(_other_reports(warehouse, catalog, target, dropped)):
        tell(f"writing the {NAMES[cadence]} report of {family} of {start} again", steps - 1, steps)
        write_report(warehouse, catalog, family, cadence, start)
        dropped.rewritten += 1
    write_index(warehouse.settings.reports_dir)
    return dropped


def _going_reports(warehouse: Warehouse, target: Target) -> Iterator[Path]:
    """The reports there are of the days, and of weeks and months of which their family has no other day."""
    for family in sorted({contract.family for contract in target.contracts}):
        for cadence in NAMES:
            for start, path in _reports(warehouse, family, cadence):
                end = period_end(cadence, start)
                is_of_them = start <= target.last and end > target.first
                if is_of_them and not _has_other_days(warehouse, family, start, end, target):
                    yield path


def _has_other_days(warehouse: Warehouse, family: str, start: date, end: date, target: Target) -> bool:
    days = {
        row["period_start"]
        for row in warehouse.partitions(start, end)
        if is_of(row["table_name"], [family]) and row["period_end"] == row["period_start"] + timedelta(days=1)
    }
    return any(day < target.first or day > target.last for day in days)


def _other_reports(
    warehouse: Warehouse, catalog: Catalog, target: Target, dropped: Dropped
) -> Iterator[tuple[str, Cadence, date]]:
    """(family, cadence, first day) of the reports that show something of the days: in their numbers, beside them, in
    their trend, or by a link.
    """
    for family in catalog.families:
        remade = {day for table, starts in dropped.remade.items() if is_of(table, [family]) for day in starts}
        if not remade and not any(contract.family == family for contract in target.contracts):
            continue
        newest = warehouse.newest_day([table for table in catalog.kept_by_day if is_of(table, [family])])
        for cadence in NAMES:
            first = period_start(cadence, period_start(cadence, target.first) - timedelta(days=1))
            last = target.last + timedelta(days=_TREND_DAYS[cadence])
            of_remade = {period_start(cadence, day) for day in remade}
            for start, path in _reports(warehouse, family, cadence):
                if first <= start <= last or start in of_remade or _is_final_too_early(path, newest):
                    yield family, cadence, start


def _is_final_too_early(path: Path, newest: date | None) -> bool:
    """Whether a report calls itself final, which it was when later days were there."""
    state = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["state"]
    return state["is_final"] and (newest is None or date.fromisoformat(state["final_from"]) > newest)


def _reports(warehouse: Warehouse, family: str, cadence: Cadence) -> list[tuple[date, Path]]:
    """The reports of a family and cadence on disk, by their first day."""
    folder = warehouse.settings.reports_dir
    found = []
    for path in sorted((folder / report_path(family, NAMES[cadence], date(2000, 1, 1))).parent.glob("*.html")):
        start = _start_of(path.stem)
        if (
            start is not None
            and path.with_suffix(".json").exists()
            and path == folder / report_path(family, NAMES[cadence], start)
        ):
            found.append((start, path))
    return found


def _start_of(name: str) -> date | None:
    """The first day of the period a report is named by: 2025-03-31, 2025-W14 or 2025-03."""
    week = f"{name}-1" if "W" in name else name
    try:
        return date.fromisoformat(week if len(week) != len("2025-03") else f"{week}-01")
    except ValueError:  # no report of ours
        return None
