"""Lineage by name: what tables, views, reports and two pages are made of, and what a selection of them means.

The graph equals that of Dagster's assets (a test compares them), so that a plan needs no Dagster definitions.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from analytics_etl.catalog.calendar import NAMES, Cadence
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.pipeline.due_reports import INDEX, families_with_reports, report_tables

DAYS = "ops.days"
"""The asset that shows the states of days."""
PAGES = (DAYS, INDEX)
NO_FAMILIES = ("ops", "reports")
"""The part before the dot in the name of a page."""


class SelectionError(ValueError):
    """A selection that names something that does not exist."""


@dataclass(frozen=True)
class Lineage:
    """Everything that a run can make, by name (`schema.table`), with its inputs."""

    reads: Mapping[str, tuple[str, ...]]
    cadences: Mapping[str, Cadence | None]
    """{name: cadence of its partitions}; None for views and pages, which have none."""

    @classmethod
    def of(cls, catalog: Catalog) -> "Lineage":
        """The graph of everything declared; each name comes after its inputs."""
        reads: dict[str, tuple[str, ...]] = {}
        cadences: dict[str, Cadence | None] = {}
        for table in catalog.in_order():
            reads[table] = catalog.derived[table].dependencies if table in catalog.derived else ()
            cadences[table] = None if table in catalog.views else cadence_of(table)
        for family in families_with_reports(catalog):
            for cadence, name in NAMES.items():
                report = f"{family}.{name}_report"
                reads[report], cadences[report] = tuple(report_tables(catalog, family, cadence)), cadence
        reads[DAYS], cadences[DAYS] = tuple(catalog.contracts), None
        reads[INDEX], cadences[INDEX] = tuple(name for name in reads if name.endswith("_report")), None
        return cls(reads, cadences)

    def of_cadence(self, cadence: Cadence | None) -> list[str]:
        """The names that the job of a cadence makes; None is the job of what has no partitions."""
        return [name for name, own in self.cadences.items() if own == cadence]

    def is_report(self, name: str) -> bool:
        """Whether a name is a report or the index of the reports."""
        return name == INDEX or name.endswith("_report")

    def with_readers(self, names: Iterable[str]) -> set[str]:
        """Some names and everything that reads them, directly or through others."""
        return {reader for name in names for reader in self._readers[name]}

    def whole_families(self, cadence: Cadence | None, names: Collection[str]) -> tuple[str, ...] | None:
        """The families whose parts of this job are exactly these names, pages included.

        Empty if the names are the whole job; None if they are no whole families.
        """
        everything = self.of_cadence(cadence)
        if set(names) == set(everything):
            return ()
        families = {family_of(name) for name in names if name not in PAGES}
        whole = {name for name in everything if name in PAGES or family_of(name) in families}
        return tuple(sorted(families)) if families and set(names) == whole else None

    def selected(self, patterns: Iterable[str]) -> set[str]:
        """The names that patterns select: `schema.table`, or `schema.table+` with everything that reads it."""
        found: set[str] = set()
        for pattern in patterns:
            name = self._whole_name(pattern.removesuffix("+"))
            if name not in self.reads:
                near = difflib.get_close_matches(name, self.reads, n=3) or [n for n in self.reads if name in n][:3]
                hint = f"did you mean {' or '.join(near)}?" if near else "analytics-etl status lists the tables"
                raise SelectionError(
                    f"there is no table, view or report {name}, expected one like registry.module_stats_daily, or with "
                    f"+ behind it for what is made of it, too; {hint}"
                )
            found |= self.with_readers([name]) if pattern.endswith("+") else {name}
        return found

    def _whole_name(self, name: str) -> str:
        """A name with its family, which may be left out if only one family has the name."""
        named = [each for each in self.reads if each.partition(".")[2] == name]
        return named[0] if len(named) == 1 else name

    @cached_property
    def _readers(self) -> dict[str, set[str]]:
        """{name: itself and everything that reads it}."""
        found = {name: {name} for name in self.reads}
        # A reader comes after its inputs, so from the end on, each name is complete before its inputs take it over.
        for name in reversed(list(self.reads)):
            for read in self.reads[name]:
                if read in found:  # not a table of `ops`
                    found[read] |= found[name]
        return found


def family_of(name: str) -> str:
    """The part of a name before the dot."""
    return name.split(".", maxsplit=1)[0]
