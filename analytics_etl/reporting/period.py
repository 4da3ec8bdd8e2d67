"""The input and output of section functions: a period with its rows, and the form of a section."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple

from analytics_etl.reporting import wording
from analytics_etl.reporting.calendar import Cadence, Window, compared_period, days_of

Value = Any
"""A value of a query's row: str, int, float, bool, date or None."""

Row = Mapping[str, Value]
AMOUNTS = ("count", "bytes")
"""Kinds of values that grow with the volume."""
NOT_LOADED = "not known, since nothing of the period is loaded"

Column = tuple[str, str, str]
"""(name, label, kind); the kind says how a value is written, see `render`."""


class Kpi(NamedTuple):
    """A column of the KPI query and of the trend, and how it is shown."""

    name: str
    label: str
    kind: str
    better: Literal["lower", "higher"] | None = None
    """The direction that is good news, if either is. Amounts have none: ten times the attempts bring ten times the
    errors, which is neither better nor worse; the ratio beside them tells."""
    base: str | None = None
    """What a ratio is a share of, in words that follow "of"."""


@dataclass(frozen=True)
class Period:
    """The input of every section."""

    cadence: Cadence
    start: date
    end: date
    rows: Mapping[str, Sequence[Row]]
    expected_tables: tuple[str, ...]
    windows: Mapping[str, Window]
    """Query -> the window it was run for."""
    kpis: tuple[Kpi, ...]
    newest_day: date
    """The newest day in the database."""
    first_day: date
    """The first day that can have data."""
    look_ahead_days: int = 0
    """Days after the period that its tables read: the report is published once these are loaded."""
    tenant: str | None = None
    """The tenant that the report is about and for; None = about everything."""

    @property
    def days(self) -> list[date]:
        return days_of(self.start, self.end)

    @property
    def compared(self) -> tuple[date, date]:
        """The period [first, after) that this one is compared with."""
        return compared_period(self.cadence, self.start)

    def totals(self, period: str = "current") -> Row:
        """The row of the KPI query for `current` or `previous`; empty when nothing happened."""
        return next((row for row in self.rows.get("kpis", ()) if row["period"] == period), {})

    def nothing(self, text: str) -> str:
        """The sentence of a section without rows: `text`, unless no day of the period is loaded."""
        return text if self.totals() or len(self.missing_days(self.start, self.end)) < len(self.days) else NOT_LOADED

    def missing_days(self, start: date, end: date) -> dict[date, list[str]]:
        """{day of [start, end) that a table does not have: these tables}."""
        missing = {}
        for day in days_of(start, end):
            if absent := [
                t for t in self.expected_tables if self.day_states.get((t, day), {}).get("row_count") is None
            ]:
                missing[day] = absent
        return missing

    @property
    def is_under_way(self) -> bool:
        """Whether days are missing and all of them are still to come."""
        missing = self.missing_days(self.start, self.end)
        return bool(missing) and self.start <= self.newest_day < min(missing)

    @cached_property
    def day_states(self) -> Mapping[tuple[str, date], Row]:
        """The partition states of the tables that are kept by day."""
        return {(row["table_name"], row["day"]): row for row in self.rows.get("days", ())}

    @property
    def own_days(self) -> list[Row]:
        """The partition states of the period, ordered by table and day."""
        return [
            self.day_states[table, day]
            for table in self.expected_tables
            for day in self.days
            if (table, day) in self.day_states
        ]

    @property
    def undated_rows(self) -> int:
        """Rejected rows that tell no day, of the files about the period."""
        return sum(row.get("rows_undated", 0) for row in self.rows.get("quality_rows", ()))

    @property
    def checks_not_run(self) -> int:
        """Checks that have not run on the rows the period holds now, counted for each partition."""
        return sum(row["check_count"] for row in self.rows.get("checks_not_run", ()))

    @cached_property
    def first_published_at(self) -> Value:
        """When the report was first published; None before it is."""
        return next((row["first_published_at"] for row in self.rows.get("first_figures", ())), None)

    @cached_property
    def changed_figures(self) -> list[dict[str, Value]]:
        """The key figures that differ from the first published ones."""
        first = {row["figure"]: row["value"] for row in self.rows.get("first_figures", ())}
        found = []
        for kpi in self.kpis:
            old, new = first.get(kpi.name), self.totals().get(kpi.name)
            if kpi.name in first and (None if new is None else float(new)) != old:
                old = int(old) if isinstance(new, int) and old is not None else old
                ratio = None if new is None or not old else new / old - 1
                found.append(
                    {"figure": kpi.name, "label": kpi.label, "kind": kpi.kind, "first_value": old, "value": new,
                     "change_ratio": ratio}
                )  # fmt: skip
        return found


def compared(window: Window) -> str:
    """Which days were compared, as a part of a sentence."""
    of = wording.day_range(window.start, window.end)
    return f"compared: {of} against {wording.day_range(window.previous_start, window.previous_end)}"


def uncompared(period: Period, missing: Mapping[date, Sequence[str]]) -> str:
    """Why days were not compared, as a part of a sentence."""
    if period.is_under_way:
        return "no comparison, since this period is not over yet"
    days = f"{wording.plural(len(missing), 'day')} {wording.verb(len(missing), 'is', 'are')} not loaded"
    return f"no comparison, since {days} ({wording.day_list(list(missing))})"


def section(question: str, parts: Iterable[str], columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Any]:
    """A section without its name and topic; the clauses in `parts` become its sentence."""
    return {
        "question": question,
        "sentence": wording.sentence(parts),
        "columns": [{"name": name, "label": label, "kind": kind} for name, label, kind in columns],
        "rows": [dict(row) for row in rows],
    }
