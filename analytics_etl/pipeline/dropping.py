"""Dropping days: remove them from tables, books and reports, then remake what was made of them. Not here: the prompts.

One transaction removes the days from tables and books; their reports are removed just before it commits. The same
transaction marks the partitions that were made of these days. So after an interruption, the same command or `backfill
--missing` remakes them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.calendar import NAMES, Cadence, period_end, period_start, report_path
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.models import Model
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import partitions, record_audit
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.module_pages import write_module_pages
from analytics_etl.pipeline.partition_states import refresh_days
from analytics_etl.pipeline.progress import Progress
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.pipeline.tenant_reports import remove_of_tenants
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.tables.dropping import (
    File,
    Found,
    Period,
    Target,
    drop,
    find,
    marked_reach,
    refuse_archived,
    remake,
)
from analytics_etl.tables.views import view_versions

__all__ = ["Dropped", "File", "Found", "Period", "Target", "look", "run", "target_of"]

_TREND_DAYS: dict[Cadence, int] = {"day": 31, "week": 12 * 7, "month": 366}
"""Days after a period within which other reports show it, in a trend or as the previous period."""


@dataclass
class Dropped:
    """The result of dropping days, or a preview of it."""

    found: Found
    reports: list[Path]
    """HTML files of the reports that were removed, or would be."""
    remade: dict[str, list[date]] = field(default_factory=dict)
    """{table: first days of its remade partitions}"""
    rewritten: int = 0
    """The number of rewritten reports of other periods."""

    @property
    def rows(self) -> int:
        return sum(period.rows for period in self.found.partitions)

    @property
    def is_nothing(self) -> bool:
        """Whether the days have no partitions, no reports, and no files that are gone."""
        return not self.found.partitions and not self.reports and all(file.is_there for file in self.found.files)

    @property
    def final_days(self) -> list[date]:
        return sorted({period.start for period in self.found.partitions if period.is_final})


def target_of(
    catalog: Catalog, first: date, last: date, families: tuple[str, ...] = (), *, are_archives_needed: bool = True
) -> Target:
    """The days first to last of some families, or of all if none is named, with their tables.

    Raise DatabaseError if a table of them is broken: its inputs are unknown.
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


def look(database: Database, target: Target) -> Dropped:
    """Preview a drop. Raise DatabaseError for archived days."""
    found = database.run(find, target, database.settings.landing_dirs)
    refuse_archived(found.archived)
    return Dropped(found, list(_reports_to_remove(database, target)))


def run(
    database: Database, catalog: Catalog, target: Target, actor: str, reason: str, report_progress: Progress
) -> Dropped:
    """Drop the days, remake the partitions made of them, refresh the views, rewrite other reports and the index."""
    steps = 1 + len(catalog.aggregates) + len(catalog.views) + 1
    report_progress(f"dropping {target.first} to {target.last}", 0, steps)
    reports = list(_reports_to_remove(database, target))

    archive = ArchiveFolder(database.settings.archive_dir)

    def remove_files(archived: Mapping[str, Sequence[date]]) -> None:
        """Remove the reports of the days, and the files of those in the archive folder."""
        paths = [path for html in reports for path in (html, html.with_suffix(".json"))]
        remove_of_tenants(database.settings.reports_dir, reports)
        for table, days in archived.items():
            paths += [path for day in days for path in archive.files(table, day)]
        for path in paths:
            path.unlink(missing_ok=True)

    dropped = Dropped(drop_days(database, target, actor, reason, remove_files), reports)
    order = [catalog.aggregates[table] for table in catalog.in_order() if table in catalog.aggregates]
    for done, model in enumerate(order, start=1):
        report_progress(f"remaking {model.table}", done, steps)
        if starts := remake_marked(database, model):
            dropped.remade[model.table] = starts
    existing = database.run(view_versions, list(catalog.views))
    for done, view in enumerate(catalog.views, start=1 + len(order)):
        if view in existing:
            report_progress(f"refreshing {view}", done, steps)
            publishing.refresh(database, catalog.views[view])
    for family, cadence, start in list(_other_reports(database, catalog, target, dropped)):
        report_progress(f"writing the {NAMES[cadence]} report of {family} of {start} again", steps - 1, steps)
        write_report(database, catalog, family, cadence, start)
        dropped.rewritten += 1
    write_module_pages(database, catalog)
    write_index(database.settings.reports_dir)
    return dropped


def drop_days(
    database: Database, target: Target, actor: str, reason: str,
    before_commit: Callable[[Mapping[str, Sequence[date]]], None],
) -> Found:  # fmt: skip
    """Drop days, with an entry in the audit log; marks the partitions that were made of them for `remake_marked`."""
    with database.transaction() as connection:
        found = drop(connection, target, database.settings.landing_dirs, before_commit)
        families = ", ".join(sorted({contract.family for contract in target.contracts}))
        record_audit(connection, actor, "drop", f"{target.first} to {target.last} of {families}", reason)
        refresh_days(connection, database.settings, target.tables)
        return found


def remake_marked(database: Database, model: Model) -> list[date]:
    """Remake the partitions of a derived table that `drop_days` marked; returns their first days."""
    with database.transaction(AGGREGATION) as connection:
        reach = marked_reach(connection, model)
        if reach is None:
            return []
        find_inputs = partial(publishing.inputs, connection, database.settings, model, *reach)
        starts = remake(connection, model, find_inputs)
        refresh_days(connection, database.settings, [model.table])
        return starts


def _reports_to_remove(database: Database, target: Target) -> Iterator[Path]:
    """HTML files of the reports of the days, and of weeks and months of which their family has no other day."""
    for family in sorted({contract.family for contract in target.contracts}):
        for cadence in NAMES:
            for start, path in _reports(database, family, cadence):
                end = period_end(cadence, start)
                is_of_them = start <= target.last and end > target.first
                if is_of_them and not _has_other_days(database, family, start, end, target):
                    yield path


def _has_other_days(database: Database, family: str, start: date, end: date, target: Target) -> bool:
    days = {
        row["period_start"]
        for row in database.run(partitions, start, end)
        if is_of(row["table_name"], [family]) and row["period_end"] == row["period_start"] + timedelta(days=1)
    }
    return any(day < target.first or day > target.last for day in days)


def _other_reports(
    database: Database, catalog: Catalog, target: Target, dropped: Dropped
) -> Iterator[tuple[str, Cadence, date]]:
    """(family, cadence, first day) of the other reports that show the days: in numbers, as previous period, in a trend,
    or by a link.
    """
    for family in catalog.families:
        remade = {day for table, starts in dropped.remade.items() if is_of(table, [family]) for day in starts}
        if not remade and not any(contract.family == family for contract in target.contracts):
            continue
        newest = database.run(newest_day, [table for table in catalog.kept_by_day if is_of(table, [family])])
        for cadence in NAMES:
            first = period_start(cadence, period_start(cadence, target.first) - timedelta(days=1))
            last = target.last + timedelta(days=_TREND_DAYS[cadence])
            of_remade = {period_start(cadence, day) for day in remade}
            for start, path in _reports(database, family, cadence):
                if first <= start <= last or start in of_remade or _is_final_too_early(path, newest):
                    yield family, cadence, start


def _is_final_too_early(path: Path, newest: date | None) -> bool:
    """Whether a report says it is final, but the days that made it final are gone."""
    state = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["state"]
    return state["is_final"] and (newest is None or date.fromisoformat(state["final_from"]) > newest)


def _reports(database: Database, family: str, cadence: Cadence) -> list[tuple[date, Path]]:
    """(first day, HTML file) of the reports of a family and cadence on disk."""
    folder = database.settings.reports_dir
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
    """The first day of the period that a file name says (2025-03-31, 2025-W14 or 2025-03); None for other names."""
    week = f"{name}-1" if "W" in name else name
    try:
        return date.fromisoformat(week if len(week) != len("2025-03") else f"{week}-01")
    except ValueError:  # not the name of a report
        return None
