"""Landing files + contract -> valid rows and rejected rows, in batches of bounded memory (DuckDB).

`files` reads bytes and lines, `validation` writes the SQL, this module runs it. What happens to the rows afterwards is
not decided here.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.contracts import Contract
from analytics_etl.landing import validation
from analytics_etl.landing.files import (
    LINE_BATCH,
    REJECTED_AT_ONCE,
    UNREADABLE,
    FileState,
    LandingFile,
    Lines,
    RejectedRow,
    WaitingRows,
    csv_records,
    decompressed,
    list_files,
    printable,
)
from analytics_etl.landing.scratch import Scratch
from analytics_etl.landing.validation import Fields, quote
from analytics_etl.models import Model

__all__ = ["FileReport", "LandingFile", "LandingReader", "RejectedRow", "Rows", "list_files"]

_BATCH_ROWS = 50_000
_CSV_BATCH_ROWS = 20_000

ROWS_WORTH_A_SLICE = 200
"""Copying so many rows costs about as much as handling one more slice."""


@dataclass(frozen=True)
class Rows:
    """One batch of rows: valid ones by day, and rejected ones, each with the path of its file."""

    valid: dict[date, pa.Table]
    rejected: list[tuple[str, RejectedRow]]


@dataclass
class FileReport:
    """What one file held, by UTC day."""

    file: LandingFile
    number: int
    state: FileState
    valid: Counter[date] = field(default_factory=Counter)
    rejected: Counter[date | None] = field(default_factory=Counter)
    """Rejected rows; those without a usable time under None. A rejected file is no row."""


@dataclass(frozen=True)
class _Source:
    """A file that has been opened: its records, and how they become fields."""

    report: FileReport
    fields: Fields
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def can_follow(self, other: "_Source") -> bool:
        return self.fields == other.fields and self.schema.equals(other.schema)


class LandingReader:
    """Reads files of one event table and remembers their event ids, to tell duplicates. Close it after use."""

    def __init__(
        self, contract: Contract, mappings: Mapping[str, Model], days: set[date], temporary_dir: Path, memory_mb: int
    ) -> None:
        self._contract = contract
        self._mappings = mappings
        self._days = days
        self._scratch = Scratch(temporary_dir)
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": str(self._scratch.path / "duckdb"),
                "preserve_insertion_order": False,
            }
        )
        self._connection.execute(
            "set timezone = 'UTC'; set arrow_lossless_conversion = true; set streaming_buffer_size = '32MB'"
        )
        self._connection.execute("create table event_ids (event_id uuid, day date, file_number integer)")
        self._ids = self._connection.cursor()
        self.reports: list[FileReport] = []
        self._settled = 0
        """Reports before it can reject nothing more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ids.close()
        self._connection.close()
        self._scratch.remove()

    def read(self, files: Iterable[LandingFile]) -> Iterator[Rows]:
        """Every row of the files, which come in order of path; valid rows only of the days asked for, counts of all.

        Files of one shape go through one statement, one after the other: to plan it takes longer than to read a small
        file.
        """
        sources = self._sources(files)
        source = next(sources, None)
        while source is not None:
            chain = _Chain(source, sources)
            yield from self._validated(source.fields, chain.reader())
            yield from self._put_aside()  # what came after the last valid row, or instead of any
            self._settled = len(self.reports) - (chain.next is not None)
            source = chain.next
        yield from self._put_aside()

    def duplicates(self) -> pa.Table:
        """(event_id, day) of every id that occurred more than once within a day."""
        return self._connection.sql(
            "select event_id, day from event_ids group by all having count(*) > 1"
        ).to_arrow_table()

    def duplicates_by_file(self, event_ids: pa.Table) -> dict[tuple[int, date], int]:
        """Copies beyond the one that is kept, by (file number, day), of the given (event_id, day). The kept one counts
        for the first file in order of path, whichever copy it is, so that the counts do not depend on arrival.
        """
        self._connection.register("wanted", event_ids)
        rows = self._connection.sql(
            """
            select file_number, day, sum(copies)::bigint - count(*) filter (is_first) from (
                select file_number, day, event_id, count(*) as copies,
                    file_number = min(file_number) over (partition by event_id, day) as is_first
                from event_ids semi join wanted using (event_id, day)
                group by file_number, day, event_id
            ) group by file_number, day"""
        ).fetchall()
        self._connection.unregister("wanted")
        return {(number, day): count for number, day, count in rows if count}

    # -- records of each format -------------------------------------------------------------------------------------

    def _sources(self, files: Iterable[LandingFile]) -> Iterator[_Source]:
        """The files that can be read, each opened when it is asked for; the others are noted as rejected."""
        for file in files:
            state = FileState(rejected=WaitingRows(self._scratch.path))
            report = FileReport(file, len(self.reports), state)
            self.reports.append(report)
            if file.problem is not None:
                state.fail("rejected", file.problem)
            elif file.file_format == "ndjson":
                yield _Source(report, self._json(file), LINE_BATCH, Lines(file, state).batches())
            else:
                opened = self._csv(report) if file.file_format == "csv" else self._parquet(report)
                if opened is not None:
                    yield opened

    def _json(self, file: LandingFile) -> Fields:
        if file.source is None:
            return validation.json_fields(self._contract)
        mapping = self._mappings[file.source]
        return validation.mapped_fields(
            self._contract, mapping, validation.foreign_json(validation.mapping_inputs(mapping))
        )

    def _csv(self, report: FileReport) -> _Source | None:
        file, state = report.file, report.state
        records = csv_records(Lines(file, state))
        header = next(records, None)
        if header is None:
            return None
        names = [name.strip() for name in header[1]]
        if not self._accept_header(file, state, names):
            for _ in records:  # to the end, for the checksum
                pass
            return None
        schema = pa.schema([("_line", pa.int64()), ("_raw", pa.string())] + [(name, pa.string()) for name in names])

        def batch(rows: list[tuple[int, list[str], str]]) -> pa.RecordBatch:
            columns = zip(*(fields for _, fields, _ in rows), strict=True) if rows else [[] for _ in names]
            arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
            numbers = pa.array([line for line, _, _ in rows], pa.int64())
            return pa.record_batch(
                [numbers, pa.array([raw for _, _, raw in rows], pa.string()), *arrays], schema=schema
            )

        def batches() -> Iterator[pa.RecordBatch]:
            rows = []
            for line, fields, raw in records:
                if len(fields) != len(names):
                    reason = f"expected {len(names)} fields as in the header, got {len(fields)}"
                    state.rejected.append(RejectedRow(line, reason, printable(raw)))
                    continue
                rows.append((line, fields, raw))
                if len(rows) == _CSV_BATCH_ROWS:
                    yield batch(rows)
                    rows = []
            yield batch(rows)

        return _Source(report, self._columnar(file, names, dict.fromkeys(names, "text")), schema, batches())

    def _parquet(self, report: FileReport) -> _Source | None:
        file, state = report.file, report.state
        digest = hashlib.sha256()
        plain = self._scratch.path / f"unpacked-{report.number}.parquet" if file.compression else None
        try:
            with file.absolute.open("rb") as opened:
                pieces = decompressed(opened, file.compression, digest)
                if plain is None:
                    for _ in pieces:  # for the checksum
                        pass
                else:  # Parquet needs a file to seek in
                    with plain.open("wb") as unpacked:
                        for piece in pieces:
                            unpacked.write(piece)
            state.checksum = digest.hexdigest()
            parquet = pq.ParquetFile(plain or file.absolute)
        except (*UNREADABLE, pa.ArrowInvalid) as error:
            state.checksum = digest.hexdigest()
            state.fail("rejected", f"cannot be read as Parquet: {error}")
            return None
        names = list(parquet.schema_arrow.names)
        if not self._accept_header(file, state, names):
            parquet.close()
            return None
        origins = {f.name: _origin(f.type, self._contract_type(f.name)) for f in parquet.schema_arrow}
        # Types that carry no information here (dictionary, large strings) are left to DuckDB.
        schema = parquet.schema_arrow.insert(0, pa.field("_line", pa.int64())).remove_metadata()

        def batches() -> Iterator[pa.RecordBatch]:
            with parquet:
                yield from _numbered(parquet, schema, state)
            if plain is not None:
                plain.unlink()

        return _Source(report, self._columnar(file, names, origins), schema, batches())

    def _columnar(self, file: LandingFile, names: list[str], origins: dict[str, Any]) -> Fields:
        """The fields of a file with columns: as they are, or through the source mapping."""
        raw = (
            "_raw"
            if file.file_format == "csv"
            else "to_json(struct_pack({}))::varchar as _raw".format(
                ", ".join(f"{quote(n)} := {quote(n)}" for n in names)
            )
        )
        row = f"select {validation.ROW}, {raw}, true as _is_record, {validation.MAY_HOLD_NUL}"
        if file.source is not None:
            texts = ", ".join(f"{quote(name)}::varchar as {quote(name)}" for name in names)
            relation = f"{row}, {texts} from lines"
            return validation.mapped_fields(self._contract, self._mappings[file.source], relation)
        known = [c for c in self._contract.columns if c.name in names]
        values = ", ".join(
            f"{quote(c.name)}" + ("" if origins[c.name] == "typed" else "::varchar as " + quote(c.name)) for c in known
        )
        return Fields(
            f"{row}, {values} from lines",
            {c.name: origins.get(c.name, "absent") for c in self._contract.columns},
        )

    def _contract_type(self, name: str) -> str | None:
        return next((column.type for column in self._contract.columns if column.name == name), None)

    def _accept_header(self, file: LandingFile, state: FileState, names: list[str]) -> bool:
        """Compare a file's columns with what is expected; note what is ignored, reject a file that cannot be used."""
        if len(set(names)) != len(names):
            repeated = sorted(name for name, count in Counter(names).items() if count > 1)
            state.fail("rejected", f"the columns {repeated} occur more than once")
            return False
        if file.source is None:
            expected = {column.name for column in self._contract.columns}
            required = {column.name for column in self._contract.columns if column.is_required}
        else:
            expected = required = set(validation.mapping_inputs(self._mappings[file.source]))
        if missing := sorted(required - set(names)):
            state.fail("rejected", f"the columns {missing} are missing; the file has {sorted(names)}")
            return False
        if extra := sorted(set(names) - expected):
            state.reasons.append(f"columns nobody asked for were ignored: {extra}")
        if absent := sorted(expected - set(names)):
            state.reasons.append(f"columns that may be NULL are absent: {absent}")
        return True

    # -- validation -------------------------------------------------------------------------------------------------

    def _validated(self, fields: Fields, records: pa.RecordBatchReader) -> Iterator[Rows]:
        self._connection.register("lines", records)
        statement = validation.validated(self._contract, fields)
        for batch in self._connection.sql(statement).to_arrow_reader(_BATCH_ROWS):
            yield from self._rejected(batch)
            yield Rows(self._valid(batch), [])
            yield from self._put_aside()
        self._connection.unregister("lines")

    def _rejected(self, batch: pa.RecordBatch) -> Iterator[Rows]:
        """The rejected rows of a batch, counted; a few at a time, since as objects they take much memory."""
        bad = batch.select(["_file", "_line", "_day", "_reason", "_content"]).filter(batch["_reason"].is_valid())
        for first in range(0, bad.num_rows, REJECTED_AT_ONCE):
            rejected = []
            for row in bad.slice(first, REJECTED_AT_ONCE).to_pylist():
                report = self.reports[row["_file"]]
                report.rejected[row["_day"]] += 1
                content = None if row["_content"] is None else printable(row["_content"])
                reject = RejectedRow(row["_line"], printable(row["_reason"]), content, row["_day"])
                rejected.append((report.file.path, reject))
            yield Rows({}, rejected)

    def _valid(self, batch: pa.RecordBatch) -> dict[date, pa.Table]:
        """The valid rows of a batch by day, of the days that are wanted; all are counted."""
        reasons = batch["_reason"]
        days = batch["_day"] if reasons.null_count == len(reasons) else _where(reasons.is_null(), batch["_day"])
        found = set()
        counted = (
            pa.table({"file": batch["_file"], "day": days}).group_by(["file", "day"]).aggregate([([], "count_all")])
        )
        for row in counted.to_pylist():
            if row["day"] is not None:
                self.reports[row["file"]].valid[row["day"]] += row["count_all"]
                found.add(row["day"])
        names = [column.name for column in self._contract.columns]
        kept = _plain_booleans(batch.select([*names, "_file"]))
        valid = {}
        for day in sorted(self._days & found):
            rows = _rows_where(kept, pc.equal(days, pa.scalar(day)))
            self._remember(rows.select(["event_id", "_file"]), day)
            valid[day] = rows.select(names)
        return valid

    def _remember(self, ids: pa.Table, day: date) -> None:
        self._ids.register("ids", ids)
        self._ids.execute("insert into event_ids select event_id, $1, _file from ids", [day])
        self._ids.unregister("ids")

    def _put_aside(self) -> Iterator[Rows]:
        """What was rejected before it became a record, in the files that are or have just been read."""
        for report in self.reports[self._settled :]:
            for rejected in report.state.rejected.take():
                report.rejected[None] += sum(row.line is not None for row in rejected)
                yield Rows({}, [(report.file.path, row) for row in rejected])


class _Chain:
    """The records of a source and of those after it that have its shape, each row with its file's number and time."""

    def __init__(self, first: _Source, others: Iterator[_Source]) -> None:
        self._first = first
        self._others = others
        self.next: _Source | None = None
        """The source that ended the chain, once it was read."""

    def reader(self) -> pa.RecordBatchReader:
        schema = self._first.schema.append(pa.field("_file", pa.int32()))
        schema = schema.append(pa.field("_found_at", pa.timestamp("us", "UTC")))
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        source: _Source | None = self._first
        while source is not None and source.can_follow(self._first):
            number = pa.scalar(source.report.number, pa.int32())
            found_at = pa.scalar(source.report.file.modified_at, pa.timestamp("us", "UTC"))
            for batch in source.batches:
                marks = [pa.repeat(number, batch.num_rows), pa.repeat(found_at, batch.num_rows)]
                yield pa.RecordBatch.from_arrays([*batch.columns, *marks], schema=schema)
            source = next(self._others, None)
        self.next = source


def _where(condition: pa.Array, values: pa.Array) -> pa.Array:
    """The values where the condition holds, NULL elsewhere."""
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def _rows_where(batch: pa.RecordBatch, condition: pa.Array) -> pa.Table:
    """The rows of a batch for which the condition holds: without copying, if only a few rows lie between them."""
    left_out = np.flatnonzero(~condition.fill_null(fill_value=False).to_numpy(zero_copy_only=False))
    if len(left_out) * ROWS_WORTH_A_SLICE > batch.num_rows:
        return pa.Table.from_batches([batch.filter(condition)])
    starts = [0, *(left_out + 1)]
    ends = [*left_out, batch.num_rows]
    slices = [batch.slice(a, b - a) for a, b in zip(starts, ends, strict=True) if b > a]
    return pa.Table.from_batches(slices, schema=batch.schema)


def _plain_booleans(batch: pa.RecordBatch) -> pa.RecordBatch:
    """DuckDB's lossless Arrow has booleans as bool8, which the COPY encoder would write wrongly."""
    arrays = [c.cast(pa.bool_()) if isinstance(c.type, pa.Bool8Type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _numbered(parquet: pq.ParquetFile, schema: pa.Schema, state: FileState) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, each with its number from 1."""
    row = 1
    try:
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
            numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
            yield pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=schema)
            row += batch.num_rows
    except (OSError, pa.ArrowInvalid) as error:
        reason = f"cannot be read to its end: {error}; the rows before row {row} are loaded"
        state.fail("cut_off", reason, row)


def _origin(arrow_type: pa.DataType, wanted: str | None) -> validation.Origin:
    """Whether a Parquet column has the wanted type as it is; anything else goes by its text."""
    same = {
        "uuid": pa.types.is_fixed_size_binary(arrow_type) and isinstance(arrow_type, pa.UuidType),
        "timestamptz": pa.types.is_timestamp(arrow_type) and arrow_type.tz is not None,
        "bigint": pa.types.is_integer(arrow_type) and arrow_type != pa.uint64(),
        "boolean": pa.types.is_boolean(arrow_type),
        "double precision": False,
    }
    return "typed" if wanted is not None and same.get(wanted) else "text"
