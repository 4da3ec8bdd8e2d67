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
from analytics_etl.landing import validation
from analytics_etl.landing.batches import plain_booleans, rows_where, values_where
from analytics_etl.landing.event_ids import EventIds
from analytics_etl.landing.faults import READ_FAULTS, StatementError, UnreadableFilesError, is_ours, said
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
from analytics_etl.landing.scratch import Scratch

ANY_TIME = datetime(9998, 12, 31, tzinfo=UTC)
"""When a file was found of which nobody says it: no event of it is too late."""

_MEMORY_MB_OF_A_THREAD = 64


@dataclass(frozen=True)
class Rows:
    """One batch of rows: valid ones by day, and rejected ones, each with the path of its file."""

    valid: dict[date, pa.Table]
    rejected: list[tuple[str, RejectedRow]]


class LandingReader:
    """Reads files of one event table and remembers their event ids, to tell duplicates. Close it after use."""

    def __init__(
        self, contract: Contract, mappings: Mapping[str, Model], days: set[date], temporary_dir: Path, memory_mb: int
    ) -> None:
        self._contract = contract
        self._days = days
        self._found_at: Mapping[str, datetime] = {}
        self._refused: Mapping[str, str] = {}
        self._ours: Exception | None = None
        """An error of ours that DuckDB was told of while it read, and tells us of in words of its own."""
        self._scratch = Scratch(temporary_dir)
        self._opener = Opener(contract, mappings, self._scratch.path, memory_mb)
        self._memory_mb = memory_mb
        self._connection = self._connect()
        self.event_ids = EventIds(self._connection, has_revisions=contract.has_revisions)
        self.reports: list[FileReport] = []
        """Of all files that were given, in their order."""
        self.opened: list[FileReport] = []
        """Of those that were opened so far, in the order they were read in."""
        self._settled = 0
        """Files opened before it can reject nothing more."""

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
        """Every row of the files, which come in order of path; valid rows only of the days asked for, counts of all.

        `found_at` says when the content of each path was first seen, `refused` which paths are not to be read, and why.
        Raises UnreadableFilesError when rows of files stop a statement: what was read then counts for nothing.
        Files of one shape go through one statement, one after the other: to plan it takes longer than to read a small
        file. So formats are read one after the other, too.
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
                raise self._culprits(error) from error
            yield from self._put_aside()  # what came after the last valid row, or instead of any
            self._settled = len(self.opened) - (chain.next is not None)
            source = chain.next
        yield from self._put_aside()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            config={
                "memory_limit": f"{self._memory_mb}MB",
                "temp_directory": str(self._scratch.path / "duckdb"),
                "preserve_insertion_order": False,
                # Each thread may hold a few MB of wide rows several times over.
                "threads": max(1, min(os.cpu_count() or 1, self._memory_mb // _MEMORY_MB_OF_A_THREAD)),
            }
        )
        return connection.execute(
            "set timezone = 'UTC'; set arrow_lossless_conversion = true; set enable_progress_bar = false; "
            f"set streaming_buffer_size = '{min(32, self._memory_mb // 8)}MB'"
        )

    def _sources(self, reports: Iterable[FileReport]) -> Iterator[Records]:
        """The records of the files that can be read, each opened when it is asked for."""
        for report in reports:
            self.opened.append(report)
            yield from self._records(report)

    def _report(self, file: LandingFile, number: int) -> FileReport:
        """What will be known of a file."""
        found_at = self._found_at.get(file.path, ANY_TIME)
        return FileReport(file, number, FileState(rejected=WaitingRows(self._scratch.path)), found_at)

    def _records(self, report: FileReport) -> Iterator[Records]:
        """The records of a file in parts of about the same width. An error while they are read is the file's, unless
        it is ours.
        """
        if report.file.path in self._refused:
            self._opener.refuse(report, self._refused[report.file.path])
            return
        try:
            records = self._opener.open(report)
            if records is not None:
                yield from replace(records, batches=self._guarded(report, records.batches)).by_width()
        except READ_FAULTS as error:
            if is_ours(error):
                self._ours = error
                raise
            report.state.fail("rejected", f"cannot be read: {said(error)}")
        except Exception as error:
            self._ours = error
            raise

    def _guarded(self, report: FileReport, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches of a file until one cannot be read."""
        try:
            yield from batches
        except READ_FAULTS as error:
            if is_ours(error):
                self._ours = error
                raise
            report.state.fail("cut_off", f"cannot be read to its end: {said(error)}")
        except Exception as error:
            self._ours = error
            raise

    def _validated(self, source: Records, records: pa.RecordBatchReader) -> Iterator[Rows]:
        for batch in self._batches(self._connection, source, records):
            wanted = self._without_others(batch) if source.fields.has_others else batch
            yield from self._rejected(wanted)
            yield Rows(self._valid(wanted), [])
            yield from self._put_aside()

    def _batches(
        self, connection: duckdb.DuckDBPyConnection, source: Records, records: pa.RecordBatchReader
    ) -> Iterator[pa.RecordBatch]:
        """What the statement makes of records. Raises StatementError when their rows end it; a statement that cannot
        be begun is nobody's but ours.
        """
        connection.register("lines", records)
        relation = connection.sql(validation.validated(self._contract, source.fields))
        try:
            yield from relation.to_arrow_reader(source.rows_at_once)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            if self._ours is not None:
                raise self._ours from error
            raise StatementError(str(error)) from error
        connection.unregister("lines")

    def _culprits(self, error: StatementError) -> Exception:
        """What to raise after an error in a statement over several files: which of them cause one alone."""
        if error.is_ours:
            return error
        reasons = {}
        for file in [report.file for report in self.opened[self._settled :]]:
            if problem := self._problem(file):
                reasons[file.path] = problem
        return UnreadableFilesError(reasons) if reasons else error

    def _problem(self, file: LandingFile) -> str | None:
        """What stops a statement over a file alone."""
        for source in self._records(self._report(file, -1)):
            with self._connect() as connection:
                try:
                    for _ in self._batches(connection, source, Chain(source, iter(())).reader()):
                        pass
                except StatementError as error:
                    if error.is_ours:
                        raise
                    return f"cannot be read: {said(error)}"
        return None

    def _without_others(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are for this table; the others are counted."""
        left_out = batch["_file"].filter(pc.invert(batch["_is_wanted"].cast(pa.bool_())))
        for row in left_out.value_counts().to_pylist():
            self.reports[row["values"]].others += row["counts"]
        return batch.filter(batch["_is_wanted"].cast(pa.bool_()))

    def _rejected(self, batch: pa.RecordBatch) -> Iterator[Rows]:
        """The rejected rows of a batch, counted; a few at a time, since as objects they take much memory."""
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
        """The valid rows of a batch by day, of the days that are wanted; all are counted."""
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

    def _put_aside(self) -> Iterator[Rows]:
        """What was rejected before it became a record, in the files that are or have just been read."""
        for report in self.opened[self._settled :]:
            for rejected in report.state.rejected.take():
                report.rejected[None] += sum(row.line is not None for row in rejected)
                yield Rows({}, [(report.file.path, row) for row in rejected])
