"""Undoing days: removes their rows, states and books in one transaction, as if the days had never run.

Marks partitions of other days that were computed from them; `remake` recomputes these. A landing file that still exists
waits to be loaded again; the ledger forgets one that is gone for these days. Not here: removing reports on disk.
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
from analytics_etl.ops import archives, files, lake_files, partitions, undoing
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier, lock
from analytics_etl.tables.computed import Inputs
from analytics_etl.tables.day_partitions import partition
from analytics_etl.tables.derived import replace_marked


@dataclass(frozen=True)
class Period:
    """A partition to drop, or a report's period."""

    table: str
    start: date
    end: date
    rows: int
    is_final: bool


@dataclass(frozen=True)
class File:
    """A landing file with rows of the dropped days."""

    table: str
    path: str
    rows: int
    """Its rows of these days, rejected ones included."""
    has_other_days: bool
    is_there: bool


@dataclass(frozen=True)
class Target:
    """The days to drop, both included, and the tables to drop them from."""

    first: date
    last: date
    contracts: Sequence[Contract]
    models: Sequence[Model]
    others: Sequence[Model]
    """Models of other families."""
    are_archives_needed: bool = True
    """Whether archived days are refused: dropping them would remove their last rows."""

    @property
    def tables(self) -> list[str]:
        return [*(contract.table for contract in self.contracts), *(model.table for model in self.models)]

    @property
    def end(self) -> date:
        return self.last + timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What exists of the days to drop."""

    partitions: list[Period]
    """Partitions of the days, and those of weeks and months that hold no other existing day."""
    made_of_them: dict[str, list[date]]
    """{table: first days of its other partitions that were computed from these days}"""
    files: list[File]
    archived: dict[str, list[date]]
    """{table: days whose rows are not in the table any more}"""
    published: list[tuple[str, str, date]]
    """(family, cadence, first day) of published reports of these periods."""


def find(connection: Connection, target: Target, landing: Sequence[Path]) -> Found:
    """What `drop` would drop; changes nothing."""
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
    """Drop the days. `before_commit` gets the archived days; the caller refreshes the states of days and commits."""
    days = [target.first + timedelta(days=n) for n in range((target.end - target.first).days)]
    # In the order of runs: days and books of raw tables, then derived tables; the caller locks the books of days last.
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
        partitions.set_version(connection, table, starts, partitions.DROPPED_DAYS_VERSION)
    _forget_files(connection, target, found.files)
    for family, cadence, start in found.published:
        undoing.forget_report(connection, family, cadence, start)
    before_commit(found.archived)
    return found


def refuse_archived(archived: Mapping[str, Sequence[date]]) -> None:
    """Raise DatabaseError for days whose rows are not in the table any more."""
    for table, days in archived.items():
        more = f", as are {len(days) - 1:,} more of its days" if len(days) > 1 else ""
        raise DatabaseError(
            f"{table}: {days[0]} is archived{more}, and dropping it would take its last rows; if that is wanted, "
            f'first: analytics-etl restore {table} {days[0]} --reason "why"'
        )


def remake(connection: Connection, model: Model, find_inputs: Callable[[], Inputs]) -> list[date]:
    """Recompute the marked partitions of a derived table; returns their first days."""
    marked = partitions.of_version(connection, model.table, partitions.DROPPED_DAYS_VERSION)
    replace_marked(connection, model, neighbours(marked), find_inputs)
    return sorted(marked)


def marked_reach(connection: Connection, model: Model) -> tuple[date, date] | None:
    """The days [first, after) that the marked partitions of a table read; None if none is marked."""
    marked = partitions.of_version(connection, model.table, partitions.DROPPED_DAYS_VERSION)
    return model.reads(min(marked), max(marked.values())) if marked else None


def _made_of_them(connection: Connection, target: Target, periods: Sequence[Period]) -> dict[str, list[date]]:
    """The other partitions that read dropped days, directly or through other tables."""
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
        after, before = model.affected_between(first, end)
        starts = partitions.touched(connection, model.table, after, before)
        if left := [start for start in starts if (model.table, start) not in going]:
            found[model.table] = left
    return found


def _files(connection: Connection, target: Target, landing: Sequence[Path]) -> Iterator[File]:
    """The files that, by the ledger, hold rows of the days."""
    tables = [contract.table for contract in target.contracts]
    for row in files.files_of_days(connection, tables, target.first, target.end):
        # A missing folder may just not be mounted, so its files count as existing.
        is_there = not is_place_there(landing, row["path"]) or any((top / row["path"]).exists() for top in landing)
        yield File(row["table_name"], row["path"], row["rows_read"], row["has_other_days"], is_there)


def _published(connection: Connection, target: Target) -> list[tuple[str, str, date]]:
    """Published reports that are no longer right: those of the days, and of weeks and months without another day.

    Also those of earlier days whose tables look ahead to the dropped days.
    """
    families = sorted({c.family for c in target.contracts})
    ahead = [max((m.affected_margin[1] for m in target.models if m.family == family), default=0) for family in families]
    return undoing.published_of_days(connection, families, ahead, target.first, target.end)


def _drop_partitions(connection: Connection, contract: Contract, periods: Sequence[Period]) -> None:
    """Drop partitions of an event table, and their files in the lake."""
    for period in periods:
        connection.execute(sql.SQL("drop table if exists {}").format(partition(contract, period.start)))
    lake_files.supersede(connection, contract.table, [period.start for period in periods])


def _delete_rows(connection: Connection, model: Model, starts: Sequence[date]) -> None:
    """Delete the rows of some partitions of a derived table."""
    if starts and not model.is_in_lake_only:
        statement = sql.SQL("delete from {} where {} = any(%s)").format(
            identifier(model.table), sql.Identifier(model.key[0])
        )
        connection.execute(statement, [starts])
    lake_files.supersede(connection, model.table, starts)


def _forget_partitions(connection: Connection, target: Target, periods: Sequence[Period]) -> None:
    """Remove the partitions and days from the books."""
    going: dict[str, list[date]] = {table: [] for table in target.tables}
    for period in periods:
        going[period.table].append(period.start)
    for table, starts in going.items():
        undoing.forget_partitions(
            connection, table, starts, target.first, target.last, is_by_day=cadence_of(table) == "day"
        )


def _forget_files(connection: Connection, target: Target, held: Iterable[File]) -> None:
    """Let existing files wait to be loaded again; forget missing files for these days."""
    for file in held:
        if file.is_there:
            undoing.let_file_wait(connection, file.table, file.path, target.first, target.last)
        elif file.has_other_days:
            undoing.forget_days_of_file(connection, file.table, file.path, target.first, target.last)
        else:
            undoing.forget_file(connection, file.table, file.path)
