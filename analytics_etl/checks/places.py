"""Which engine evaluates a check: rows are judged where they lie, but few rows in PostgreSQL if it has them, too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from analytics_etl.checks.declared import Check, Target
from analytics_etl.ops.dropped import Need
from analytics_etl.ops.held import Held

FEW_ROWS = 100_000
"""Rows for which both take the same: to connect and to open the files takes DuckDB 30 ms of processor time."""
MOST_BROUGHT_ROWS = 2_000_000
"""Rows that are brought to DuckDB from PostgreSQL: a second or two. If a check needs more, PostgreSQL evaluates it."""
BATCH, EVENTS = "{batch}", "{events}"
"""Stand in a SELECT for the rows of the window, and for the table."""
PLACEHOLDERS = (BATCH, EVENTS)
_ALL_DAYS = (date.min, date.max)


@dataclass(frozen=True)
class Reads:
    """The tables whose rows a check reads, and the days [start, end) that it reads of them."""

    tables: tuple[str, ...]
    start: date
    end: date

    @property
    def is_bounded(self) -> bool:
        """Whether it reads some days only."""
        return (self.start, self.end) != _ALL_DAYS


def reads_of(target: Target, check: Check, start: date, end: date) -> Reads:
    """What a check reads for the window [start, end)."""
    named = [name for name in PLACEHOLDERS if check.select is None or name in check.select]
    own = (target.table,) if named else ()
    if check.query is None:
        return Reads(own, start, end)
    is_bounded = ":start" in check.query.select or (named == [BATCH] and not check.query.dependencies)
    return Reads((*check.query.dependencies, *own), *(check.query.reads(start, end) if is_bounded else _ALL_DAYS))


def need_of(target: Target, check: Check, start: date, end: date) -> Need:
    """The days that a check reads by its parameters. Their rows must exist: no check may judge dropped days."""
    reads = reads_of(target, check, start, end)
    return reads.tables, *((start, end) if check.query is None else check.query.reads(start, end))


@dataclass(frozen=True)
class Places:
    """Where the rows lie that some checks read."""

    partitions: Sequence[Held]
    views: frozenset[str] = frozenset()
    """The fine-grained tables among those that are read: PostgreSQL has views of them, which have no rows."""

    def of(self, table: str, start: date, end: date) -> list[Held]:
        """The partitions of a table that begin in [start, end)."""
        return [held for held in self.partitions if held.table == table and start <= held.start < end]

    def read(self, reads: Reads) -> list[Held]:
        """The partitions that a check reads."""
        return [held for table in reads.tables for held in self.of(table, reads.start, reads.end)]

    def is_for_lake(self, reads: Reads) -> bool:
        """Whether DuckDB evaluates a check: it must if PostgreSQL does not have all rows."""
        found = self.read(reads)
        if self.is_only_for_lake(reads):
            return True
        in_lake = self.in_lake_of(found)
        brought = _rows(held for held in found if held.table not in in_lake)
        return reads.is_bounded and bool(in_lake) and _rows(found) > FEW_ROWS and brought <= MOST_BROUGHT_ROWS

    def is_only_for_lake(self, reads: Reads) -> bool:
        """Whether PostgreSQL lacks rows that a check reads."""
        is_view = not self.views.isdisjoint(reads.tables)
        return is_view or any(not held.in_postgres for held in self.read(reads))

    def in_lake_of(self, partitions: Iterable[Held]) -> frozenset[str]:
        """The tables that DuckDB reads in the lake, of some partitions: PostgreSQL lacks rows, or has too many."""
        of_table: dict[str, list[Held]] = {}
        for held in partitions:
            of_table.setdefault(held.table, []).append(held)
        return self.views | frozenset(
            table
            for table, found in of_table.items()
            if not all(held.in_postgres for held in found)
            or (_rows(found) > FEW_ROWS and all(held.file is not None for held in found))
        )


def _rows(partitions: Iterable[Held]) -> int:
    return sum(held.rows for held in partitions)
