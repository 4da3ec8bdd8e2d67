"""Due reports: those that are missing, older than their tables, or made by other code.

Whether a report exists follows from its files, everything else from `ops.written_reports`.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import analytics_etl
from analytics_etl.catalog.calendar import NAMES, Cadence, periods, report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks.declared import declared_checks
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.ops import reports as report_records
from analytics_etl.ops.partitions import newest_starts
from analytics_etl.postgres.database import Database

INDEX = "reports.index"

_CADENCES_SHOWN: Mapping[Cadence, tuple[Cadence, ...]] = {
    "day": ("day",),
    "week": ("day", "week"),
    "month": ("day", "month"),
}
"""{cadence of a report: cadences of the tables it shows}."""


@dataclass(frozen=True)
class DueReport:
    """A report to write, and why."""

    family: str
    cadence: Cadence
    start: date
    end: date
    why: str

    @property
    def name(self) -> str:
        """The name of its asset, with a dot."""
        return f"{self.family}.{NAMES[self.cadence]}_report"


def families_with_reports(catalog: Catalog) -> list[str]:
    """The families with report queries, broken or not."""
    return [f for f in catalog.families if catalog.reports(f) or any(b.family == f for b in catalog.broken_reports(f))]


def families_to_report(catalog: Catalog) -> list[str]:
    """The families whose reports can be written."""
    return [family for family in families_with_reports(catalog) if not catalog.broken_reports(family)]


def shown_tables(catalog: Catalog, family: str, cadence: Cadence) -> list[str]:
    """The tables of a family, broken ones included, that have partitions of a cadence."""
    found = [*catalog.contracts, *catalog.aggregates, *(t for t in catalog.broken if not catalog.is_view(t))]
    return [table for table in found if table.startswith(f"{family}.") and cadence_of(table) == cadence]


def report_tables(catalog: Catalog, family: str, cadence: Cadence) -> list[str]:
    """The aggregates that a report of a family shows."""
    models = catalog.aggregates.values()
    return [model.table for model in models if model.family == family and model.cadence in _CADENCES_SHOWN[cadence]]


def broken_report_tables(catalog: Catalog, family: str, cadence: Cadence) -> list[str]:
    """The broken tables that a report of a family would show."""
    own = [table for table in catalog.broken if table.startswith(f"{family}.") and not catalog.is_view(table)]
    return [table for table in own if cadence_of(table) in _CADENCES_SHOWN[cadence]]


def look_ahead(catalog: Catalog, family: str) -> int:
    """Days after a period that its report waits for before it is published, since its tables look so far ahead."""
    return max((m.affected_margin[1] for m in catalog.aggregates.values() if m.family == family), default=0)


def report_version(catalog: Catalog, family: str) -> str:
    """Hash of the code and SQL behind the reports of a family; comments, docstrings and layout do not change it."""
    queries = {**catalog.reports("ops"), **catalog.reports(family)}
    made = [f"{name} {query.code_version}" for name, query in sorted(queries.items())]
    return hashlib.sha256("\n".join([*made, rendering_version()]).encode()).hexdigest()[:12]


@cache
def rendering_version() -> str:
    """Hash of the templates and of the code of `reporting`."""
    hashed = hashlib.sha256()
    # Not imported: whoever only asks what is due needs no templates and charts.
    for path in sorted(Path(analytics_etl.__path__[0], "reporting").rglob("*.py")):
        hashed.update(repr(_meaning(ast.parse(path.read_text(encoding="utf-8")))).encode())
    for path in sorted(TEMPLATES_DIR.glob("*.j2")):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _meaning(node: Any) -> Any:
    """A syntax tree without docstrings, as lists; `ast.dump` takes twice as long."""
    if isinstance(node, ast.AST):
        return [type(node).__name__, *(_meaning(getattr(node, name)) for name in node._fields)]
    if isinstance(node, list):
        return [_meaning(each) for each in node if not _is_text(each)]
    return node


def _is_text(node: Any) -> bool:
    """Whether a node is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def due_reports(
    database: Database, catalog: Catalog, first: date, last: date, families: Collection[str] = (),
    to_check: Collection[tuple[str, date, date]] = (),
) -> list[DueReport]:  # fmt: skip
    """The due reports of the periods that hold the days first to last, of all families unless some are named.

    A report is due only if its tables have the period and at least one day of it. `to_check` are the partitions
    (family, start, end) whose checks are about to run: the reports that show these checks are due, too.
    """
    states = ReportStates.around(database, catalog, first, last)
    found = []
    for family in families_to_report(catalog):
        if families and family not in families:
            continue
        checked = [(start, end) for of, start, end in to_check if of == family]
        for cadence in NAMES:
            with_checks = {(start, end) for since, until in checked
                           for start, end in periods(cadence, since, since).items() if until <= end}  # fmt: skip
            for start, end in periods(cadence, first, last).items():
                why = states.why(family, cadence, start, end)
                if why is None and (start, end) in with_checks and states.has_tables(family, cadence, start, end):
                    why = "its checks are due"
                if why is not None:
                    found.append(DueReport(family, cadence, start, end, why))
    return found


def is_index_due(reports_dir: Path) -> bool:
    """Whether the index page of the reports is missing, or older than one of them."""
    newest = max((path.stat().st_mtime_ns for path in reports_dir.glob("*/*/*.json")), default=None)
    pages = [reports_dir / "index.html", reports_dir / "index.json"]
    return newest is not None and any(not page.exists() or page.stat().st_mtime_ns < newest for page in pages)


class ReportStates:
    """The recorded states of the reports of some days and of their tables, read once, and what follows from them."""

    def __init__(self, database: Database, catalog: Catalog, start: date, end: date) -> None:
        self._folder = database.settings.reports_dir
        self._catalog = catalog
        tables = [*catalog.contracts, *catalog.aggregates, *catalog.broken]
        checks = [
            {"table_name": table, "check_name": check.name}
            for table, of in declared_checks(catalog).items()
            for check in of
        ]
        self._shown = {
            (family, cadence): shown_tables(catalog, family, cadence)
            for family in families_to_report(catalog)
            for cadence in NAMES
        }
        self._ahead = {family: look_ahead(catalog, family) for family in families_to_report(catalog)}
        self._periods = {
            (row["family"], row["period_start"], row["period_end"]): row
            for row in database.read(report_records.periods, tables, checks, start, end)
        }
        self._written = {
            (row["family"], row["cadence"], row["period_start"]): row for row in database.read(report_records.written)
        }
        self._newest = database.read(newest_starts)
        self._undated = database.read(report_records.undated_files_read_at)

    @classmethod
    def around(cls, database: Database, catalog: Catalog, first: date, last: date) -> "ReportStates":
        """The states for the days first to last and for the weeks and months around them."""
        return cls(database, catalog, first - timedelta(days=31), last + timedelta(days=62))

    def why(self, family: str, cadence: Cadence, start: date, end: date) -> str | None:
        """Why a report is due; None if it is not, or if its tables do not have the period."""
        if not self.has_tables(family, cadence, start, end):
            return None
        paths = self._paths(family, cadence, start)
        if not self._are_written(paths):
            return "not written"
        written = self._written.get((family, NAMES[cadence], start))
        own = [row for row in self._own(family, cadence, start, end) if row is not None]
        changed_at = max((row["changed_at"] for row in own if row["changed_at"]), default=None)
        if written is None:  # written before this was recorded, and so counted as made by the current code
            at = datetime.fromtimestamp(min(self._files(path.parent)[path.name] for path in paths), UTC)
            return "older than its tables" if changed_at is not None and changed_at > at else None
        reasons = {
            "older than its tables": changed_at is not None and changed_at > written["written_at"],
            "older than the checks of its tables": any(
                row["checked_at"] and row["checked_at"] > written["written_at"] for row in own
            ),
            "made by an earlier version of its SQL, templates or code": written["code_version"]
            != self._versions[family],
        }
        found = next((why for why, holds in reasons.items() if holds), None)
        if found is None and start <= self._newest_day(family) < end and family in self._undated:
            found = "older than a file that tells no day" if self._undated[family] > written["written_at"] else None
        return found or self._why_by_time(family, cadence, end, written)

    def is_older(self, family: str, cadence: Cadence, start: date, at: datetime) -> bool:
        """Whether a report is missing, was written before a moment, or has no record of when it was written."""
        written = self._written.get((family, NAMES[cadence], start))
        if not self._are_written(self._paths(family, cadence, start)):
            return True
        return written is None or bool(written["written_at"] < at)

    def _paths(self, family: str, cadence: Cadence, start: date) -> list[Path]:
        return [self._folder / report_path(family, NAMES[cadence], start, suffix) for suffix in ("html", "json")]

    def _are_written(self, paths: Sequence[Path]) -> bool:
        return all(path.name in self._files(path.parent) for path in paths)

    def _newest_day(self, family: str) -> date:
        """The newest day of any table of a family."""
        return max(self._newest.get(table, date.min) for table in self._shown[family, "day"])

    def _why_by_time(self, family: str, cadence: Cadence, end: date, written: Mapping[str, Any]) -> str | None:
        """Why a report is due although its tables did not change: later days make it final, linked or published."""
        newest = min(self._newest.get(table, date.min) for table in self._shown[family, "day"])
        if not written["is_final"] and written["final_from"] <= newest:
            return "final since"
        ((after, until),) = periods(cadence, end, end).items()
        if not written["has_next"] and self.has_tables(family, cadence, after, until):
            return "without a link to the next"
        ahead = [end + timedelta(days=n) for n in range(self._ahead[family])]
        days = periods("day", written["period_start"], end - timedelta(days=1))
        if not written["is_published"] and all(self._has_day(family, day) for day in [*days, *ahead]):
            return "not published yet"
        return None

    @cached_property
    def _versions(self) -> dict[str, str]:
        return {family: report_version(self._catalog, family) for family in families_to_report(self._catalog)}

    def has_tables(self, family: str, cadence: Cadence, start: date, end: date) -> bool:
        """Whether the tables of a report have its period, and at least one day of it."""
        tables = self._shown[family, cadence]
        row = self._periods.get((family, start, end))
        days = periods("day", start, end - timedelta(days=1))
        if cadence != "day" and not any(self._has_day(family, day) for day in days):
            return False
        return not tables or (row is not None and row["table_count"] == len(tables))

    def _has_day(self, family: str, day: date) -> bool:
        row = self._periods.get((family, day, day + timedelta(days=1)))
        return row is not None and row["table_count"] == len(self._shown[family, "day"])

    def _own(self, family: str, cadence: Cadence, start: date, end: date) -> Iterator[Mapping[str, Any] | None]:
        """The records of the tables of a period and of its days; None where there is none."""
        if cadence != "day":
            yield self._periods.get((family, start, end))
        for day, after in periods("day", start, end - timedelta(days=1)).items():
            yield self._periods.get((family, day, after))

    def _files(self, folder: Path) -> Mapping[str, float]:
        """{file of a folder: modification time in seconds}, read once."""
        if folder not in self._listed:
            found = folder.iterdir() if folder.is_dir() else ()
            self._listed[folder] = {path.name: path.stat().st_mtime for path in found if not path.name.startswith(".")}
        return self._listed[folder]

    @cached_property
    def _listed(self) -> dict[Path, Mapping[str, float]]:
        return {}
