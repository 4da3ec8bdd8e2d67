"""Why a partition has to be run: it is missing, failed, outdated, or older than its inputs or its files."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, cadence_of
from analytics_etl.ops.partitions import DROPPED_DAYS_VERSION
from analytics_etl.pipeline.due_views import EARLIER
from analytics_etl.pipeline.failed_checks import FailedCheck

FAILED, UNWRITTEN = "failed a check", "could not be written last time"
LATE, REPLACED = "rows of a late or replaced file are waiting", "a file was replaced, or came late without a valid row"
_DROPPED = "made of days that were dropped since"


@dataclass(frozen=True)
class DuePartitions:
    """The recorded states of partitions, read once, and what follows from them; partitions are (table, start)."""

    catalog: Catalog
    records: Mapping[str, Mapping[date, Mapping[str, Any]]]
    """{table: {start: row of ops.partitions}}."""
    failed: set[tuple[str, date]]
    """Partitions in which a check of severity error failed."""
    waiting: Mapping[tuple[str, date], int]
    """{day that has files waiting: valid rows in them}."""
    unwritten: set[tuple[str, date]]
    """Days whose last write failed."""
    stuck: Mapping[tuple[str, date], Sequence[FailedCheck]] = field(default_factory=dict)
    """Partitions that would fail the same checks again."""

    @cached_property
    def stuck_starts(self) -> set[date]:
        return {start for _, start in self.stuck}

    @cached_property
    def written(self) -> dict[str, tuple[list[date], list[datetime]]]:
        """{table: (starts in order, when each was written)}: in lists, since years of days are searched."""
        return {
            table: (sorted(rows), [rows[start]["updated_at"] for start in sorted(rows)])
            for table, rows in self.records.items()
        }

    def why(self, table: str, start: date, end: date) -> str | None:
        """Why a partition has to be run; None if it need not, or if it waits for a stuck one."""
        record = self.records.get(table, {}).get(start)
        if start in self.stuck_starts and self._waits_for_stuck(table, start, end):
            return None
        if record is None:
            return "missing"
        if why := self._failure(table, start) or self._outdated(table, start, record):
            return why
        model = self.catalog.aggregates.get(table)
        newer = None if model is None else self._newer_input(model, start, end, record["updated_at"])
        return f"older than its input {newer}" if newer else None

    def _failure(self, table: str, start: date) -> str | None:
        """What failed, if another run may end differently."""
        if (table, start) in self.unwritten:
            return UNWRITTEN
        return FAILED if (table, start) in self.failed and (table, start) not in self.stuck else None

    def _outdated(self, table: str, start: date, record: Mapping[str, Any]) -> str | None:
        """Why a partition is outdated: another version of its code made it, or files wait for it."""
        if record["code_version"] != self.catalog.code_version(table):
            return _DROPPED if record["code_version"] == DROPPED_DAYS_VERSION else EARLIER
        if (table, start) in self.waiting:
            return LATE if self.waiting[table, start] else REPLACED
        return None

    def _waits_for_stuck(self, table: str, start: date, end: date) -> bool:
        """Whether a table reads the same period of a stuck one: a run would fail before it reaches this table."""
        model = self.catalog.aggregates.get(table)
        return model is not None and any(
            ((name, start) in self.stuck and self.why(name, start, end) is None)
            or self._waits_for_stuck(name, start, end)
            for name in model.dependencies
            if cadence_of(name) == model.cadence
        )

    def _newer_input(self, model: Model, start: date, end: date, than: datetime) -> str | None:
        """A table that the SELECT reads and one of whose read days was written after a moment; None without one."""
        since, until = model.reads(start, end)
        for dependency in model.dependencies:
            days, written = self.written.get(dependency, ([], []))
            if any(at > than for at in written[bisect_left(days, since) : bisect_left(days, until)]):
                return dependency
        return None
