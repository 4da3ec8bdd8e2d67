"""Replacing days of an event table in one transaction: COPY into new partitions, compare with the old ones, attach."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.contracts import Contract
from analytics_etl.config.settings import Settings
from analytics_etl.lake import LakeFile, open_lake
from analytics_etl.lake.comparison import comparison
from analytics_etl.lake.difference import Difference
from analytics_etl.lake.files import usable
from analytics_etl.landing import FileReport, RejectedRow
from analytics_etl.ops import archives, changes, lake_files, ledger, places
from analytics_etl.ops.changes import Change, Gate
from analytics_etl.ops.records import PartitionRecord, record_partition
from analytics_etl.postgres.connection import Connection, identifier, lock
from analytics_etl.postgres.patience import patiently
from analytics_etl.postgres.sending import RowSender
from analytics_etl.tables.day_partitions import has_partition, new_partition, partition, partition_name
from analytics_etl.tables.partition_rows import arrow_schema, stream
from analytics_etl.tables.staging import add_checks, create_like

_REJECTED_BUFFER = 20_000
_REJECTED_CHARACTERS = 4 << 20
"""Most rejected rows, and characters of them, that wait to be written together."""

_ROWS_FOR_FULL_STATISTICS = 1_000_000
"""Rows of a day from which ANALYZE takes its default sample; that takes 0.1 s, so smaller days get a smaller one."""


@dataclass(frozen=True)
class LoadedDay:
    """Counts of one loaded day."""

    day: date
    rows: int
    duplicates: int
    conflicting: int
    file: LakeFile
    """The day in the lake."""


@dataclass
class DayLoad:
    """The load of some days of one table, inside one transaction. Readers see the old days until it commits."""

    connection: Connection
    settings: Settings
    contract: Contract
    days: Sequence[date]
    run_id: str | None = None
    gate: Gate | None = None
    are_new: bool = True
    """Whether the CHECKs of the table hold from the start. They are added at the end for rows of the lake or of a
    partition, which were valid when they were loaded and may break a CHECK that was added since."""
    files: Sequence[LakeFile] = ()
    """The new files of the days in the lake, which become the current ones with this load."""
    hot: Collection[date] = ()
    """The days that PostgreSQL is to have as well as the lake."""
    _counts: dict[date, int] = field(default_factory=dict)
    _rejected: list[tuple[Any, ...]] = field(default_factory=list)
    _rejected_characters: int = 0
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._sender = RowSender(self.connection)

    def begin(self) -> None:
        """Wait for other loads of these days, then make the new partitions."""
        lock(self.connection, *(f"{self.contract.table} {day}" for day in self.days))
        if self.are_new:
            keep = self.settings.hot_days.of(self.contract.table)
            lateness = self.settings.lateness_of(self.contract.table, is_derived=False)
            self.hot = places.hot_days(self.connection, self.contract.table, self.days, keep, lateness)
        for day in sorted(self.hot):
            # COPY FREEZE needs a table made in this transaction; it saves readers the visibility check of each row.
            of_the_day = sql.SQL("constraint {range} check ({column} >= {start} and {column} < {end})").format(
                range=sql.Identifier(f"{partition_name(self.contract, day)}_range"),
                column=sql.Identifier(self.contract.time_column),
                start=sql.Literal(_midnight(day)),
                end=sql.Literal(_midnight(day + timedelta(days=1))),
            )
            new = new_partition(self.contract, day)
            create_like(self.connection, self.contract.table, new, of_the_day, with_checks=self.are_new)

    def copy(self, day: date, rows: pa.RecordBatch) -> None:
        """Add valid rows to a hot day; `rows` has exactly the contract's columns."""
        if day in self.hot:
            self._sender.send(new_partition(self.contract, day), pa.Table.from_batches([rows]))
            self._counts[day] = self._counts.get(day, 0) + rows.num_rows

    def reject(self, rejected: Iterable[tuple[str, RejectedRow]]) -> None:
        """Keep rejected rows, each with the path of its file."""
        rejected = list(rejected)
        self._rejected_characters += sum(row.size for _, row in rejected)
        self._rejected += [(self.contract.table, path, r.day, r.line, r.reason, r.content) for path, r in rejected]
        if len(self._rejected) > _REJECTED_BUFFER or self._rejected_characters > _REJECTED_CHARACTERS:
            self._flush_rejected()

    def drain(self) -> None:
        """Wait until all rows are in the database. Nothing may be added afterwards."""
        self._flush_rejected()
        self._sender.drain()

    def publish(
        self,
        reports: Sequence[FileReport],
        duplicates: dict[tuple[int, date], int],
        conflicts: dict[tuple[int, date], int],
    ) -> list[LoadedDay]:
        """Compare with the old rows, write the books, and replace the old partitions by the new ones.

        `duplicates` and `conflicts` are {(file number, day): copies}.
        """
        same = self._record_changes()
        self._lock_books()
        ledger.record_files(self.connection, self.contract.table, self.days, reports, duplicates, conflicts)
        ledger.forget_rejected(self.connection, self.contract.table, [report.file.path for report in reports])
        duration = round(1000 * (time.monotonic() - self._started) / max(len(self.days), 1))
        loaded = []
        for file in self.files:
            day, count = file.day, file.rows
            lake_files.book(self.connection, file, self.run_id)
            if day in self.hot:
                self._analyze(day, count)
            record_partition(
                self.connection,
                PartitionRecord(
                    self.contract.table, day, day + timedelta(days=1), count, self.contract.code_version, duration,
                    self.run_id, is_changed=day not in same, in_postgres=day in self.hot,
                ),
            )  # fmt: skip
            loaded.append(LoadedDay(day, count, _of(duplicates, day), _of(conflicts, day), file))
        self._swap(self.days)  # last: from here on readers of the table wait for the commit
        return loaded

    def attach(self, day: date) -> None:
        """Replace the old partition of a day by the new one; the caller writes the books."""
        self._analyze(day, self._counts.get(day, 0))
        if not self.are_new:
            add_checks(self.connection, self.contract.table, new_partition(self.contract, day))
        self._swap([day])

    def _lock_books(self) -> None:
        """Let one load of the table at a time write the ledger, until the transaction ends.

        A file with rows of several days is read by the load of each day, and each writes counts of that file.
        """
        lock(self.connection, f"{self.contract.table} books")

    def _record_changes(self) -> set[date]:
        """Record how existing days change, if the gate lets them; return the days that stay the same.

        A day whose old rows are nowhere any more, since its file is missing or damaged, counts as changed; nothing is
        known of how.
        """
        contract, found, same = self.contract, list[Change](), set[date]()
        new = {file.day: file for file in self.files}
        versions = changes.known_versions(self.connection, contract.table, list(new))
        before = lake_files.of_days(self.connection, contract.table, list(new))
        there = [day for day in sorted(versions) if day in before or has_partition(self.connection, contract, day)]
        same |= {day for day in there if day in before and before[day].sha256 == new[day].sha256}
        for day, difference in self._differences([day for day in there if day not in same], before, new):
            if difference is None:
                same.add(day)
            else:
                codes = versions[day], contract.code_version
                found.append(Change.of_files(contract.table, day, day + timedelta(days=1), difference, codes))
        changes.judge(self.connection, found, self.gate)
        changes.record_changes(self.connection, found, self.run_id)
        return same

    def _differences(
        self, days: Sequence[date], before: Mapping[date, LakeFile], new: Mapping[date, LakeFile]
    ) -> Iterator[tuple[date, Difference | None]]:
        """How the rows of days differ; None if they do not. Days without old rows are left out."""
        if not days:
            return
        lake, settings = open_lake(self.settings), self.settings
        types = {column.name: column.type for column in self.contract.columns}
        with comparison(types, self.contract.key, settings.loader_memory_mb, settings.temporary_dir) as compared:
            for day in days:
                after = lake.locate(new[day])
                old = usable(lake, before[day]) if day in before else None
                if old is not None:
                    yield day, compared.compare(old, after)
                elif has_partition(self.connection, self.contract, day):
                    with closing(stream(self.connection, partition(self.contract, day), types)) as rows:
                        reader = pa.RecordBatchReader.from_batches(arrow_schema(types), rows)
                        yield day, compared.compare(reader, after)

    def mark_gone(self, paths: Iterable[str]) -> None:
        """Record that files are gone, and with them their rows of these days.

        Raises DatabaseError if the rows of an archived or dropped day came from one of them.
        """
        paths = list(paths)
        if not paths:
            return
        self._lock_books()
        archives.refuse_to_lose(self.connection, self.contract.table, self.days, paths)
        ledger.mark_gone(self.connection, self.contract.table, self.days, paths)

    def _swap(self, days: Sequence[date]) -> None:
        """Replace the partitions of all days at once, and retry while readers hold locks.

        All or none: a lock already taken on one day would block its readers while the swap waits for another day.
        """

        def swap() -> None:
            for day in days:
                self._swap_one(day)

        tables = [identifier(self.contract.table), *(partition(self.contract, day) for day in days)]
        patiently(self.connection, f"{self.contract.table}: its days cannot be replaced", tables, swap)

    def _swap_one(self, day: date) -> None:
        table, leaf = identifier(self.contract.table), partition(self.contract, day)
        name = partition_name(self.contract, day)
        if has_partition(self.connection, self.contract, day):
            self.connection.execute(sql.SQL("drop table {}").format(leaf))
        if day not in self.hot:
            return
        new = new_partition(self.contract, day)
        self.connection.execute(sql.SQL("alter table {} rename to {}").format(new, sql.Identifier(name)))
        self.connection.execute(
            sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                table, leaf, sql.Literal(_midnight(day)), sql.Literal(_midnight(day + timedelta(days=1)))
            )
        )
        of_the_day = sql.Identifier(f"{name}_range")
        self.connection.execute(sql.SQL("alter table {} drop constraint {}").format(leaf, of_the_day))

    def _analyze(self, day: date, count: int) -> None:
        target = min(max(100 * count // _ROWS_FOR_FULL_STATISTICS, 10), 100)
        self.connection.execute(sql.SQL("set local default_statistics_target = {}").format(target))
        self.connection.execute(sql.SQL("analyze {}").format(new_partition(self.contract, day)))

    def _flush_rejected(self) -> None:
        rejected, size = self._rejected, self._rejected_characters
        self._rejected, self._rejected_characters = [], 0

        def write() -> None:
            ledger.copy_rejected(self.connection, rejected)

        if rejected:
            self._sender.run(write, size)

    def close(self) -> None:
        """End the sending thread, also after an error."""
        self._sender.close()


@contextmanager
def refilling(connection: Connection, settings: Settings, contract: Contract, day: date) -> Iterator[DayLoad]:
    """Begin a load of rows that were valid before; the caller copies them and attaches the new partition."""
    load = DayLoad(connection, settings, contract, [day], are_new=False, hot=[day])
    try:
        load.begin()
        yield load
    except BaseException:
        connection.close()  # a COPY may be running, and a transaction cannot be rolled back during one
        raise
    finally:
        load.close()


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"


def _of(counts: dict[tuple[int, date], int], day: date) -> int:
    return sum(count for (_, counted), count in counts.items() if counted == day)
