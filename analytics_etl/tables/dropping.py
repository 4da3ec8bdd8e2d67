"""Undoing days: their rows, states and books go in one transaction, as if the days had never been run.

Partitions of other days that were made of them are marked; `remake` makes these anew. A landing file that is still
there waits to be loaded again, one that is not is forgotten for these days. Reports on disk are not removed here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from psycopg import sql

from analytics_etl.catalog.calendar import neighbours
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, cadence_of
from analytics_etl.landing import is_place_there
from analytics_etl.ops import archives, files, partitions, undoing
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier, lock
from analytics_etl.tables.day_partitions import partition
from analytics_etl.tables.derived import replace_marked

OF_DROPPED_DAYS = "days were dropped"
"""The code version in ops.partitions of a partition that was made of days which were dropped since."""


@dataclass(frozen=True)
class Period:
    """A partition that goes, or a report's period."""

    table: str
    start: date
    end: date
    rows: int
    is_final: bool


@dataclass(frozen=True)
class File:
    """A landing file that holds rows of the days."""

    table: str
    path: str
    rows: int
    """Rows of the days in it, rejected ones included."""
    has_other_days: bool
    is_there: bool


@dataclass(frozen=True)
class Target:
    """The days to drop, both included, and the tables that are kept by them."""

    first: date
    last: date
    contracts: Sequence[Contract]
    models: Sequence[Model]
    others: Sequence[Model]
    """Models of other families."""
    are_archives_needed: bool = True
    """Whether archived days are refused, since nothing else holds their rows."""

    @property
    def tables(self) -> list[str]:
        return [*(contract.table for contract in self.contracts), *(model.table for model in self.models)]

    @property
    def end(self) -> date:
        return self.last + timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What there is of the days to drop."""

    partitions: list[Period]
    """Of days; of weeks and months that hold no other day there is."""
    made_of_them: dict[str, list[date]]
    """{table: first days of its other partitions that were made of them}"""
    files: list[File]
    archived: dict[str, list[date]]
    """Days whose rows are in the archive only."""
    published: list[tuple[str, str, date]]
    """(family, cadence, first day) of the reports of these periods that were published."""


def find(connection: Connection, target: Target, landing: Sequence[Path]) -> Found:
    """Look at what dropping would do; changes nothing."""
    going = undoing.partitions_of_days(connection, target.tables, target.first, target.end)
    periods = [Period(*row.values()) for row in going]
    return Found(
        periods,
        _made_of_them(connection, target, periods),
        list(_files(connection, target, landing)),
        archives.archived_days(connection, [c.table for c in target.contracts], target.first, target.end),
        _published(connection, target),
    )


def drop(
    connection: Connection,
    target: Target,
    landing: Sequence[Path],
    before_commit: Callable[[Mapping[str, Sequence[date]]], None],
) -> Found:
    """Undo the days. The caller refreshes the states of days and commits; `before_commit` gets the archived days."""
    days = [target.first + timedelta(days=n) for n in range((target.end - target.first).days)]
    # As runs take them: days and books of raw tables, then derived tables, and the books of days by the caller.
    lock(connection, *(f"{contract.table} {day}" for contract in target.contracts for day in days))
    lock(connection, *(f"{contract.table} books" for contract in target.contracts))
    lock(connection, *(model.table for model in (*target.models, *target.others)))
    found = find(connection, target, landing)
    if target.are_archives_needed:
        refuse_archived(found.archived)
    for contract in target.contracts:
        _drop_partitions(connection, contract, [p for p in found.partitions if p.table == contract.table])
    for model in target.models:
        _delete_rows(connection, model, [p.start for p in found.partitions if p.table == model.table])
    _forget_partitions(connection, target, found.partitions)
    for table, starts in found.made_of_them.items():
        partitions.set_version(connection, table, starts, OF_DROPPED_DAYS)
    _forget_files(connection, target, found.files)
    for family, cadence, start in found.published:
        undoing.forget_report(connection, family, cadence, start)
    before_commit(found.archived)
    return found


def refuse_archived(archived: Mapping[str, Sequence[date]]) -> None:
    """Raise DatabaseError for days whose rows are in the archive only."""
    for table, days in archived.items():
        more = f", as are {len(days) - 1:,} more of its days" if len(days) > 1 else ""
        raise DatabaseError(
            f"{table}: {days[0]} is archived{more}, and dropping it would take its last rows; if that is wanted, "
            f'first: analytics-etl restore {table} {days[0]} --reason "why"'
        )


def remake(connection: Connection, model: Model, schemas: Mapping[str, str]) -> list[date]:
    """Make the marked partitions of a derived table anew; returns their first days."""
    marked = partitions.of_version(connection, model.table, OF_DROPPED_DAYS)
    replace_marked(connection, model, neighbours(marked), schemas)
    return sorted(marked)


def marked_reach(connection: Connection, model: Model) -> tuple[date, date] | None:
    """The days [first, after) that the marked partitions of a table read; None when none is marked."""
    marked = partitions.of_version(connection, model.table, OF_DROPPED_DAYS)
    return model.reads(min(marked), max(marked.values())) if marked else None


def _made_of_them(connection: Connection, target: Target, periods: Sequence[Period]) -> dict[str, list[date]]:
    """The other partitions that read days which go, also by way of the tables between."""
    days = [p for p in periods if cadence_of(p.table) == "day"]
    if not days:
        return {}
    first, end = min(p.start for p in days), max(p.end for p in days)
    going = {(p.table, p.start) for p in periods}
    changed = set(target.tables)
    found = {}
    for model in (*target.models, *target.others):
        if not changed.intersection([model.table, *model.dependencies]):
            continue
        changed.add(model.table)
        after, before = model.touches(first, end)
        starts = partitions.touched(connection, model.table, after, before)
        if left := [start for start in starts if (model.table, start) not in going]:
            found[model.table] = left
    return found


def _files(connection: Connection, target: Target, landing: Sequence[Path]) -> Iterator[File]:
    """The files the ledger knows to hold rows of the days."""
    tables = [contract.table for contract in target.contracts]
    for row in files.files_of_days(connection, tables, target.first, target.end):
        # Of a folder that is not there nobody knows what it holds: it may not be mounted.
        is_there = not is_place_there(landing, row["path"]) or any((top / row["path"]).exists() for top in landing)
        yield File(row["table_name"], row["path"], row["rows_read"], row["has_other_days"], is_there)


def _published(connection: Connection, target: Target) -> list[tuple[str, str, date]]:
    """The reports of the days, of weeks and months of which the family has no other day, and those that were published
    because the days after them were there, to which their tables look ahead.
    """
    families = sorted({c.family for c in target.contracts})
    ahead = [max((m.reach[1] for m in target.models if m.family == family), default=0) for family in families]
    return undoing.published_of_days(connection, families, ahead, target.first, target.end)


def _drop_partitions(connection: Connection, contract: Contract, periods: Iterable[Period]) -> None:
    for period in periods:
        connection.execute(sql.SQL("drop table if exists {}").format(partition(contract, period.start)))


def _delete_rows(connection: Connection, model: Model, starts: Sequence[date]) -> None:
    if starts:
        condition = sql.SQL("delete from {} where {} = any(%s)").format(
            identifier(model.table), sql.Identifier(model.key[0])
        )
        connection.execute(condition, [starts])


def _forget_partitions(connection: Connection, target: Target, periods: Sequence[Period]) -> None:
    """Take partitions out of the books, and what else is known of the days."""
    going: dict[str, list[date]] = {table: [] for table in target.tables}
    for period in periods:
        going[period.table].append(period.start)
    for table, starts in going.items():
        undoing.forget_partitions(
            connection, table, starts, target.first, target.last, is_by_day=cadence_of(table) == "day"
        )


def _forget_files(connection: Connection, target: Target, held: Iterable[File]) -> None:
    """Let files that are there wait to be loaded again, and forget the others for these days."""
    for file in held:
        if file.is_there:
            undoing.let_file_wait(connection, file.table, file.path, target.first, target.last)
        elif file.has_other_days:
            undoing.forget_days_of_file(connection, file.table, file.path, target.first, target.last)
        else:
            undoing.forget_file(connection, file.table, file.path)
