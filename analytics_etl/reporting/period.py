"""What the sections of a report have in common: the period they are about, its rows, and the form of a section."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics_etl.reporting import wording
from analytics_etl.reporting.periods import Cadence, Window, days_of, section_windows

Value = Any
"""A value of a query's row: str, int, float, bool, date or None."""

Row = Mapping[str, Value]
NOT_LOADED = "not known, since nothing of the period is loaded"

Column = tuple[str, str, str]
"""(name, label, kind); the kind says how a value is written, see `render`."""


@dataclass(frozen=True)
class Period:
    """What every section may look at."""

    cadence: Cadence
    start: date
    end: date
    rows: Mapping[str, Sequence[Row]]
    expected_tables: tuple[str, ...]

    @property
    def days(self) -> list[date]:
        return days_of(self.start, self.end)

    @property
    def previous_start(self) -> date:
        return self.windows["kpis"][0]

    @property
    def windows(self) -> Mapping[str, Window]:
        return section_windows(self.cadence, self.start, self.end)

    def totals(self, period: str = "current") -> Row:
        """The row of the KPI query for `current` or `previous`; empty when nothing happened."""
        return next((row for row in self.rows.get("kpis", ()) if row["period"] == period), {})

    def nothing(self, text: str) -> str:
        """What to say without rows: `text`, unless nothing is known about the period."""
        return text if self.totals() or len(self.missing_days(self.start, self.end)) < len(self.days) else NOT_LOADED

    def missing_days(self, start: date, end: date) -> dict[date, list[str]]:
        """The days of [start, end) that a table has no partition for, with these tables."""
        partitions = [
            (row["table_name"], row["period_start"], row["period_end"])
            for row in self.rows.get("days", ())
            if row["table_name"] in self.expected_tables
        ]
        missing = {}
        for day in days_of(start, end):
            present = {table for table, first, after in partitions if first <= day < after}
            if absent := [table for table in self.expected_tables if table not in present]:
                missing[day] = absent
        return missing


def section(question: str, parts: Iterable[str], columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Any]:
    """A section without its name and topic; the clauses in `parts` become its sentence."""
    return {
        "question": question,
        "sentence": wording.sentence(parts),
        "columns": [{"name": name, "label": label, "kind": kind} for name, label, kind in columns],
        "rows": [dict(row) for row in rows],
    }
