"""Replacing days of a raw event table: COPY into fresh partitions, remove duplicates, swap, all in one transaction."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from analytics_etl.contracts import Contract
from analytics_etl.landing import FileReport, RejectedRow
from analytics_etl.warehouse.connection import Connection, identifier, lock
from analytics_etl.warehouse.operations import PartitionRecord, record_partition

_REJECTED_BUFFER = 20_000

_BATCHES_AHEAD = 3
"""Batches that may wait for the server: enough that parsing never waits, few enough for the memory."""


@dataclass(frozen=True)
class LoadedDay:
    """What became of the rows of one day."""

    day: date
    rows: int
    duplicates: int
    conflicting: int


@dataclass
class DayLoad:
    """The load of some days of one table, inside one transaction. Readers see the old days until it commits."""

    connection: Connection
    contract: Contract
    days: Sequence[date]
    run_id: str | None = None
    _copies: ExitStack = field(default_factory=ExitStack)
    _copy: psycopg.Copy | None = None
    _copy_day: date | None = None
    _encoder: ArrowToPostgresBinaryEncoder | None = None
    # Encoding and sending happen beside parsing: one thread, so that rows stay in order and errors are not lost.
    _sender: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "copy"))
    _sending: deque[Future[None]] = field(default_factory=deque)
    _counts: dict[date, int] = field(default_factory=dict)
    _rejected: list[tuple[Any, ...]] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Wait for any other load of these days, then create the partitions to be."""
        lock(self.connection, *(f"{self.contract.table} {day}" for day in self.days))
        for day in self.days:
            # FREEZE wants a table made in this very transaction; it saves every reader the check of each row's age.
            self.connection.execute(
                sql.SQL(
                    "create table {new} (like {table} including defaults including constraints including storage, "
                    "constraint {range} check ({column} >= {start} and {column} < {end}))"
                ).format(
                    new=self._staging(day),
                    table=identifier(self.contract.table),
                    range=sql.Identifier(f"{self._leaf_name(day)}_range"),
                    column=sql.Identifier(self.contract.time_column),
                    start=sql.Literal(_midnight(day)),
                    end=sql.Literal(_midnight(day + timedelta(days=1))),
                )
            )

    def copy(self, day: date, rows: pa.Table) -> None:
        """Add valid rows, with exactly the contract's columns, to a day."""
        if self._copy_day != day:
            self._end_copy()
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in self.contract.columns)
            statement = sql.SQL("copy {} ({}) from stdin with (format binary, freeze)").format(
                self._staging(day), names
            )
            cursor = self._copies.enter_context(self.connection.cursor())
            self._encoder = ArrowToPostgresBinaryEncoder(rows.schema)
            self._copy = self._copies.enter_context(cursor.copy(statement))
            self._copy.write(self._encoder.write_header())
            self._copy_day = day
        self._sending.append(self._sender.submit(self._send, rows))
        if len(self._sending) > _BATCHES_AHEAD:
            self._sending.popleft().result()
        self._counts[day] = self._counts.get(day, 0) + rows.num_rows

    def forget_rejected(self, path: str) -> None:
        """Before a file is read again: what was rejected in it last time."""
        self._end_copy()
        self.connection.execute(
            "delete from ops.rejected_rows where table_name = %s and path = %s", [self.contract.table, path]
        )

    def reject(self, path: str, rejected: Iterable[RejectedRow]) -> None:
        """Keep rejected rows of a file."""
        self._rejected += [(self.contract.table, path, r.day, r.line, r.reason, r.content) for r in rejected]
        if len(self._rejected) > _REJECTED_BUFFER:
            self._flush_rejected()

    def remove_duplicates(self, ids: pa.Table) -> pa.Table:
        """Of the rows with each of the given (event_id, day) keep the one with the earliest event time, then the
        smallest MD5 of the row's text. Returns the (event_id, day) whose copies differed.
        """
        self._end_copy()
        self._flush_rejected()
        conflicting: list[tuple[Any, date]] = []
        for day in self.days:
            wanted = ids.filter(pa.compute.equal(ids["day"], pa.scalar(day)))["event_id"]
            if len(wanted):
                conflicting += [(event_id, day) for event_id in self._remove_copies(day, wanted)]
        return pa.table(
            {
                "event_id": pa.array([event_id.bytes for event_id, _ in conflicting], pa.uuid()),
                "day": pa.array([day for _, day in conflicting], pa.date32()),
            }
        )

    def _remove_copies(self, day: date, event_ids: pa.ChunkedArray) -> list[Any]:
        self.connection.execute("create temporary table duplicate_ids (event_id uuid) on commit drop")
        batch = pa.record_batch([event_ids.combine_chunks()], names=["event_id"])
        encoder = ArrowToPostgresBinaryEncoder(batch.schema)
        with self.connection.cursor().copy("copy duplicate_ids from stdin with (format binary)") as copy:
            copy.write(encoder.write_header())
            copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())
        self.connection.execute("analyze duplicate_ids")
        removed = self.connection.execute(
            sql.SQL("""
                with copies as materialized (
                    select row_address, event_id, fingerprint,
                        row_number() over (partition by event_id order by event_time, fingerprint) as position
                    from (
                        select e.ctid as row_address, event_id, e.{time} as event_time, md5(e::text) as fingerprint
                        from {table} as e
                        where event_id in (select event_id from duplicate_ids)
                    ) as found
                ),
                removed as (
                    delete from {table} as e using copies
                    where e.ctid = copies.row_address and copies.position > 1
                    returning 1
                ),
                conflicting as (
                    select event_id from copies group by event_id having min(fingerprint) <> max(fingerprint)
                )
                select (select count(*) from removed), array(select event_id from conflicting)
            """).format(table=self._staging(day), time=sql.Identifier(self.contract.time_column))
        ).fetchone()
        assert removed is not None
        self.connection.execute("drop table duplicate_ids")
        self._counts[day] -= removed[0]
        return list(removed[1])

    def publish(
        self,
        reports: Sequence[FileReport],
        duplicates: dict[tuple[int, date], int],
        conflicts: dict[tuple[int, date], int],
    ) -> list[LoadedDay]:
        """Write the ledger and put the new partitions in place of the old ones."""
        self._end_copy()
        self._flush_rejected()
        for report in reports:
            self._record_file(report, duplicates, conflicts)
        duration = round(1000 * (time.monotonic() - self._started) / max(len(self.days), 1))
        loaded = []
        for day in self.days:
            count = self._counts.get(day, 0)
            self.connection.execute(sql.SQL("analyze {}").format(self._staging(day)))
            record_partition(
                self.connection,
                PartitionRecord(
                    self.contract.table, day, day + timedelta(days=1), count, self.contract.code_version, duration,
                    self.run_id,
                ),
            )  # fmt: skip
            loaded.append(LoadedDay(day, count, _of(duplicates, day), _of(conflicts, day)))
        for day in self.days:  # last, since from here on readers of the table wait
            self._swap(day)
        return loaded

    def mark_gone(self, paths: Iterable[str]) -> None:
        """Files that were read before and are no longer there: their rows of these days are no longer loaded."""
        self._end_copy()
        for path in paths:
            self.connection.execute(
                """
                update ops.loaded_files set state = 'gone',
                    reason = 'the file was read before and is no longer there; put it back, or its rows are lost'
                where table_name = %s and path = %s""",
                [self.contract.table, path],
            )
            self.connection.execute(
                "delete from ops.loaded_days where table_name = %s and path = %s and day = any(%s)",
                [self.contract.table, path, list(self.days)],
            )

    def _record_file(
        self, report: FileReport, duplicates: dict[tuple[int, date], int], conflicts: dict[tuple[int, date], int]
    ) -> None:
        table, file, state = self.contract.table, report.file, report.state
        valid_days = sorted(report.valid)
        old = self.connection.execute(
            "select checksum from ops.loaded_files where table_name = %s and path = %s", [table, file.path]
        ).fetchone()
        rejected = sum(report.rejected.values())
        self.connection.execute(
            """
            insert into ops.loaded_files (
                table_name, path, size_bytes, modified_at, checksum, state, reason, first_day, last_day, rows_read,
                rows_valid, rows_rejected
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (table_name, path) do update set
                size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, checksum = excluded.checksum,
                state = excluded.state, reason = excluded.reason, first_day = excluded.first_day,
                last_day = excluded.last_day, rows_read = excluded.rows_read, rows_valid = excluded.rows_valid,
                rows_rejected = excluded.rows_rejected, read_at = clock_timestamp()""",
            [
                table, file.path, file.size_bytes, file.modified_at, state.checksum, state.state,
                "; ".join(state.reasons) or None, valid_days[0] if valid_days else None,
                valid_days[-1] if valid_days else None, report.valid.total() + rejected, report.valid.total(), rejected,
            ],
        )  # fmt: skip
        if old is None or old[0] != state.checksum:  # what was known of its days is void
            self.connection.execute(
                "delete from ops.loaded_days where table_name = %s and path = %s", [table, file.path]
            )
        for day in sorted(set(report.valid) | {day for day in report.rejected if day is not None}):
            valid, bad, key = report.valid[day], report.rejected[day], (report.number, day)
            copies = duplicates.get(key, 0)
            now = (
                (valid - copies, copies, conflicts.get(key, 0), datetime.now(UTC)) if day in self.days else (None,) * 4
            )
            self.connection.execute(
                """
                insert into ops.loaded_days (
                    table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting,
                    loaded_at
                ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (table_name, path, day) do update set
                    rows_read = excluded.rows_read, rows_rejected = excluded.rows_rejected,
                    rows_loaded = coalesce(excluded.rows_loaded, loaded_days.rows_loaded),
                    rows_duplicate = coalesce(excluded.rows_duplicate, loaded_days.rows_duplicate),
                    rows_conflicting = coalesce(excluded.rows_conflicting, loaded_days.rows_conflicting),
                    loaded_at = coalesce(excluded.loaded_at, loaded_days.loaded_at)""",
                [table, file.path, day, valid + bad, bad, *now],
            )

    def _swap(self, day: date) -> None:
        family = self.contract.family
        leaf = sql.Identifier(family, self._leaf_name(day))
        table = identifier(self.contract.table)
        exists = self.connection.execute("select to_regclass(%s)", [leaf.as_string(self.connection)]).fetchone()
        if exists is not None and exists[0] is not None:
            self.connection.execute(sql.SQL("drop table {}").format(leaf))
        self.connection.execute(
            sql.SQL("alter table {} rename to {}").format(self._staging(day), sql.Identifier(self._leaf_name(day)))
        )
        self.connection.execute(
            sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                table, leaf, sql.Literal(_midnight(day)), sql.Literal(_midnight(day + timedelta(days=1)))
            )
        )
        range_name = sql.Identifier(f"{self._leaf_name(day)}_range")
        self.connection.execute(sql.SQL("alter table {} drop constraint {}").format(leaf, range_name))

    def _leaf_name(self, day: date) -> str:
        return f"{self.contract.name}_p{day:%Y%m%d}"

    def _staging(self, day: date) -> sql.Identifier:
        return sql.Identifier(self.contract.family, f"{self._leaf_name(day)}_new")

    def _send(self, rows: pa.Table) -> None:
        assert self._copy is not None
        assert self._encoder is not None
        for batch in rows.to_batches():
            self._copy.write(self._encoder.write_batch(batch))

    def close(self) -> None:
        """End the sending thread, whatever state it is in."""
        self._sender.shutdown(cancel_futures=True)

    def _end_copy(self) -> None:
        while self._sending:
            self._sending.popleft().result()
        if self._copy is not None and self._encoder is not None:
            self._copy.write(self._encoder.finish())
            self._copies.close()
        self._copy = self._encoder = self._copy_day = None

    def _flush_rejected(self) -> None:
        if not self._rejected:
            return
        self._end_copy()
        statement = "copy ops.rejected_rows (table_name, path, day, line, reason, content) from stdin"
        with self.connection.cursor().copy(statement) as copy:
            for row in self._rejected:
                copy.write_row(row)
        self._rejected = []


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"


def _of(counts: dict[tuple[int, date], int], day: date) -> int:
    return sum(count for (_, counted), count in counts.items() if counted == day)
