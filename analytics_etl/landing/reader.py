"""Landing files -> valid and rejected rows of one event table, in batches of bounded memory (DuckDB)."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.disk.scratch import Scratch
from analytics_etl.landing import json_columns, validation
from analytics_etl.landing.batches import plain_booleans, rows_where, values_where
from analytics_etl.landing.event_ids import EventIds
from analytics_etl.landing.faults import READ_FAULTS, StatementError, UnreadableFilesError, is_ours, short_reason
from analytics_etl.landing.file_reports import FileReport
from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.opener import Opener
from analytics_etl.landing.records import Chain, Records
from analytics_etl.landing.rejections import (
    REJECTED_AT_ONCE,
    REJECTED_BYTES_AT_ONCE,
    FileState,
    RejectedRow,
    WaitingRows,
    printable,
)

ANY_TIME = datetime(9998, 12, 31, tzinfo=UTC)
"""Default for `found_at`: so late that every event time is before it."""

_MEMORY_MB_PER_THREAD = 64


@dataclass(frozen=True)
class Rows:
    """One batch: valid rows by day, and rejected rows, each with the path of its file."""

    valid: dict[date, pa.Table]
    rejected: list[tuple[str, RejectedRow]]


class LandingReader:
    """Reads files of one event table and keeps their event ids to find duplicates. A context manager."""

    def __init__(
        self, contract: Contract, mappings: Mapping[str, Model], days: set[date], temporary_dir: Path, memory_mb: int
    ) -> None:
        self._contract = contract
        self._days = days
        self._found_at: Mapping[str, datetime] = {}
        self._refused: Mapping[str, str] = {}
        self._own_error: Exception | None = None
        """Our own error inside a stream that DuckDB reads: DuckDB would raise it as an error of its own."""
        self._scratch = Scratch(temporary_dir)
        self._opener = Opener(contract, mappings, self._scratch.path, memory_mb)
        self._memory_mb = memory_mb
        self._connection = self._connect()
        self.event_ids = EventIds(self._connection, has_revisions=contract.has_revisions)
        self.reports: list[FileReport] = []
        """One report of each given file, in their order."""
        self.opened: list[FileReport] = []
        """The reports of files opened so far, in the order of reading."""
        self._finished = 0
        """Number of opened files that can reject nothing more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.event_ids.close()
        self._connection.close()
        self._scratch.remove()

    def read(
        self,
        files: Iterable[LandingFile],
        found_at: Mapping[str, datetime] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> Iterator[Rows]:
        """The rows of the files: valid rows of the wanted days, and all rejected rows. The reports count all days.

        `files` are in order of path. `found_at` is {path: when its content was first seen}, `refused` {path: why it
        must not be read}. Raises UnreadableFilesError if rows stop a statement: the caller then discards what was read.
        One statement reads all files of one shape, since planning it takes longer than reading a small file. So the
        files are read format by format.
        """
        self._found_at, self._refused = found_at or {}, refused or {}
        first = len(self.reports)
        for number, file in enumerate(files, first):
            self.reports.append(self._report(file, number))
        shapes = sorted(self.reports[first:], key=lambda of: (of.file.source or "", of.file.file_format or ""))
        sources = self._sources(shapes)
        source = next(sources, None)
        while source is not None:
            chain = Chain(source, sources)
            try:
                yield from self._validated(source, chain.reader())
            except StatementError as error:
                raise self._unreadable_files(error) from error
            yield from self._rejected_early()  # rejected after the last batch
            self._finished = len(self.opened) - (chain.next is not None)
            source = chain.next
        yield from self._rejected_early()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            config={
                "memory_limit": f"{self._memory_mb}MB",
                "temp_directory": str(self._scratch.path / "duckdb"),
                "preserve_insertion_order": False,
                # Each thread may hold a few MB of wide rows several times over.
                "threads": max(1, min(os.cpu_count() or 1, self._memory_mb // _MEMORY_MB_PER_THREAD)),
            }
        )
        json_columns.register(connection)
        return connection.execute(
            "set timezone = 'UTC'; set arrow_lossless_conversion = true; set enable_progress_bar = false; "
            f"set streaming_buffer_size = '{min(32, self._memory_mb // 8)}MB'"
        )

    def _sources(self, reports: Iterable[FileReport]) -> Iterator[Records]:
        """The records of the readable files; each is opened when its turn comes."""
        for report in reports:
            self.opened.append(report)
            yield from self._records(report)

    def _report(self, file: LandingFile, number: int) -> FileReport:
        """The report of a file, still empty."""
        found_at = self._found_at.get(file.path, ANY_TIME)
        return FileReport(file, number, FileState(rejected=WaitingRows(self._scratch.path)), found_at)

    def _records(self, report: FileReport) -> Iterator[Records]:
        """The records of a file in parts of similar width. An error rejects the file, unless it is our own."""
        if report.file.path in self._refused:
            self._opener.refuse(report, self._refused[report.file.path])
            return
        try:
            records = self._opener.open(report)
            if records is not None:
                yield from replace(records, batches=self._readable(report, records.batches)).by_width()
        except READ_FAULTS as error:
            if is_ours(error):
                self._own_error = error
                raise
            report.state.fail("rejected", f"cannot be read: {short_reason(error)}")
        except Exception as error:
            self._own_error = error
            raise

    def _readable(self, report: FileReport, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of a file until one cannot be read; then the file counts as cut off."""
        try:
            yield from batches
        except READ_FAULTS as error:
            if is_ours(error):
                self._own_error = error
                raise
            report.state.fail("cut_off", f"cannot be read to its end: {short_reason(error)}")
        except Exception as error:
            self._own_error = error
            raise

    def _validated(self, source: Records, records: pa.RecordBatchReader) -> Iterator[Rows]:
        for batch in self._batches(self._connection, source, records):
            wanted = self._for_this_table(batch) if source.fields.has_others else batch
            yield from self._rejected(wanted)
            yield Rows(self._valid(wanted), [])
            yield from self._rejected_early()

    def _batches(
        self, connection: duckdb.DuckDBPyConnection, source: Records, records: pa.RecordBatchReader
    ) -> Iterator[pa.RecordBatch]:
        """The rows that the statement gives for records. Raises StatementError if reading them fails.

        An error before the first row is our own and is raised as it is.
        """
        connection.register("lines", records)
        relation = connection.sql(validation.validated(self._contract, source.fields))
        try:
            yield from relation.to_arrow_reader(source.rows_at_once)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            if self._own_error is not None:
                raise self._own_error from error
            raise StatementError(str(error)) from error
        connection.unregister("lines")

    def _unreadable_files(self, error: StatementError) -> Exception:
        """The error to raise after a failed statement: it names the files that also fail when read alone."""
        if error.is_ours:
            return error
        reasons = {}
        for file in [report.file for report in self.opened[self._finished :]]:
            if problem := self._problem_alone(file):
                reasons[file.path] = problem
        return UnreadableFilesError(reasons) if reasons else error

    def _problem_alone(self, file: LandingFile) -> str | None:
        """The error of a statement over this file alone; None if it succeeds."""
        for source in self._records(self._report(file, -1)):
            with self._connect() as connection:
                try:
                    for _ in self._batches(connection, source, Chain(source, iter(())).reader()):
                        pass
                except StatementError as error:
                    if error.is_ours:
                        raise
                    return f"cannot be read: {short_reason(error)}"
        return None

    def _for_this_table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are for this table; counts the others."""
        left_out = batch["_file"].filter(pc.invert(batch["_is_wanted"].cast(pa.bool_())))
        for row in left_out.value_counts().to_pylist():
            self.reports[row["values"]].others += row["counts"]
        return batch.filter(batch["_is_wanted"].cast(pa.bool_()))

    def _rejected(self, batch: pa.RecordBatch) -> Iterator[Rows]:
        """Count and return the rejected rows of a batch, a few at a time: as Python objects they are large."""
        bad = batch.select(["_file", "_line", "_day", "_reason", "_content"]).filter(batch["_reason"].is_valid())
        at_once = min(REJECTED_AT_ONCE, REJECTED_BYTES_AT_ONCE * bad.num_rows // (bad.nbytes + 1) + 1)
        for first in range(0, bad.num_rows, at_once):
            rejected = []
            for row in bad.slice(first, at_once).to_pylist():
                report = self.reports[row["_file"]]
                report.rejected[row["_day"]] += 1
                content = None if row["_content"] is None else printable(row["_content"])
                reject = RejectedRow(row["_line"], printable(row["_reason"]), content, row["_day"])
                rejected.append((report.file.path, reject))
            yield Rows({}, rejected)

    def _valid(self, batch: pa.RecordBatch) -> dict[date, pa.Table]:
        """The valid rows of a batch by day, of the wanted days only; counts the rows of all days."""
        reasons = batch["_reason"]
        days = batch["_day"] if reasons.null_count == len(reasons) else values_where(reasons.is_null(), batch["_day"])
        found = set()
        counted = (
            pa.table({"file": batch["_file"], "day": days}).group_by(["file", "day"]).aggregate([([], "count_all")])
        )
        for row in counted.to_pylist():
            if row["day"] is not None:
                self.reports[row["file"]].valid[row["day"]] += row["count_all"]
                found.add(row["day"])
        names = [column.name for column in self._contract.columns]
        kept = plain_booleans(batch.select([*names, "_file"]))
        valid = {}
        for day in sorted(self._days & found):
            rows = rows_where(kept, pc.equal(days, pa.scalar(day)))
            self.event_ids.add(rows, day)
            valid[day] = rows.select(names)
        return valid

    def _rejected_early(self) -> Iterator[Rows]:
        """The rows of the files read last that were rejected before they became records, counted."""
        for report in self.opened[self._finished :]:
            for rejected in report.state.rejected.take():
                report.rejected[None] += sum(row.line is not None for row in rejected)
                yield Rows({}, [(report.file.path, row) for row in rejected])
