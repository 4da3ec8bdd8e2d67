"""What differs between the reports of families: key figures, sections, charts. Each family declares one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics_etl.reporting.calendar import WindowKind
from analytics_etl.reporting.charts import Figure
from analytics_etl.reporting.period import AMOUNTS, Kpi, Period, Row

Section = Callable[[Period], dict[str, Any]]
"""Builds a section from the rows of the query of the same name in sql/<family>/reports."""

Drawing = Callable[[Sequence[Row], Mapping[str, Any]], list[Figure]]
"""Draws the charts of a section from its rows and the whole report."""


@dataclass(frozen=True)
class FamilyReport:
    """The part of a report that belongs to one family.

    The queries `kpis` (a row for the current and one for the previous period, without any when nothing happened) and
    `trend` (a row for each day) give the columns that `kpis` names; every section has a query named like its function.
    """

    kpis: tuple[Kpi, ...]
    topics: Mapping[str, tuple[Section, ...]]
    """Sections by topic, in the order of the report; those about the quality of the data follow."""
    drawings: Mapping[str, Drawing]
    """Section -> its charts, for sections that have any."""
    index_kpis: tuple[str, str, str]
    """The key figures the index shows."""
    windows: Mapping[str, WindowKind] = field(default_factory=dict)
    """Query -> window, for queries about another window than the period and the one before."""
    optional: tuple[Section, ...] = ()
    """Sections that are left out when their query has no rows: not everybody has what they are about."""
    lookups: tuple[str, ...] = ()
    """Queries without a section, whose rows several sections read."""
    of_tenants: "FamilyReport | None" = None
    """The report of a single tenant; its queries read nothing but tables whose rows have tenants."""

    def __post_init__(self) -> None:
        for kpi in self.kpis:
            if kpi.kind in AMOUNTS and kpi.better is not None:
                raise ValueError(
                    f"{kpi.name} is an amount (kind {kpi.kind}) and calls {kpi.better} better, but it grows with the "
                    "volume; leave `better` out, or make it a ratio"
                )
            if (kpi.kind == "ratio") != (kpi.base is not None):
                raise ValueError(
                    f"{kpi.name} is of kind {kpi.kind} and has the base {kpi.base!r}; expected a base of every ratio, "
                    "which readers need to know what it is a share of, and of nothing else"
                )

    @property
    def sections(self) -> list[Section]:
        return [section for sections in self.topics.values() for section in sections]
