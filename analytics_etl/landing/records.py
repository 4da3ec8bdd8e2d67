"""Files opened: the records of each format, and how they become a contract's fields. Not here: which are valid."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.contracts import Contract
from analytics_etl.landing import validation
from analytics_etl.landing.compression import UNREADABLE, decompressed
from analytics_etl.landing.csv_records import Record, csv_records
from analytics_etl.landing.files import LandingFile, said
from analytics_etl.landing.lines import LINE_BATCH, Lines
from analytics_etl.landing.rejections import FileState
from analytics_etl.landing.validation import Fields, quote
from analytics_etl.models import Model

_BATCH_ROWS = 50_000
_CSV_BATCH_BYTES = 16 << 20
"""What the records of a batch of CSV take, as text, as fields, each of which is an object of so many bytes more, and
as Arrow.
"""
_FIELD_BYTES = 60
_ENOUGH_BYTES = 2 << 20
"""What is worth DuckDB's while: small files are handed to it together."""
_WIDE_ROW = 640
"""Bytes of a row. 50,000 of them, which is what is taken out of a statement together, are 32 MB; of wider rows one
statement is given as much.
"""
_ENOUGH_WIDE_BYTES = 32 << 20
_COLUMNS_NAMED = 40
_PARQUET_BUFFER = 1 << 20
"""Bytes read at a time of each column."""


@dataclass
class FileReport:
    """What one file held, by UTC day."""

    file: LandingFile
    number: int
    state: FileState
    valid: Counter[date] = field(default_factory=Counter)
    rejected: Counter[date | None] = field(default_factory=Counter)
    """Rejected rows; those without a usable time under None. A rejected file is no row."""

    @property
    def days(self) -> set[date]:
        """The days the file is about: those of its rows. One of which something was rejected and that tells no day
        is about the date in its path.
        """
        told = {*self.valid, *(day for day in self.rejected if day is not None)}
        if told or (not self.rejected.total() and self.state.state == "read"):
            return told
        named = self.file.named_day
        return set() if named is None else {named}


@dataclass(frozen=True)
class Records:
    """The records of a file that has been opened, and how they become fields."""

    report: FileReport
    fields: Fields
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def can_follow(self, other: "Records") -> bool:
        """Whether the same statement can read both."""
        return self.fields == other.fields and self.schema.equals(other.schema)


class Opener:
    """Opens files of one event table. What is no record, or no file of it, is noted in the file's state."""

    def __init__(self, contract: Contract, mappings: Mapping[str, Model], folder: Path) -> None:
        self._contract = contract
        self._mappings = mappings
        self._folder = folder
        """For files that must be unpacked to be read."""
        self._json_fields: dict[str | None, Fields] = {}

    def open(self, report: FileReport) -> Records | None:
        """The file's records; None if it has none, as when it cannot be read at all."""
        file, state = report.file, report.state
        if file.problem is not None:
            state.fail("rejected", file.problem)
            return None
        match file.file_format:
            case "ndjson":
                return Records(report, self._json(file), LINE_BATCH, Lines(file, state).batches())
            case "csv":
                return self._csv(report)
            case _:
                return self._parquet(report)

    def _json(self, file: LandingFile) -> Fields:
        if file.source not in self._json_fields:  # the same for each of thousands of small files
            self._json_fields[file.source] = self._new_json(file.source)
        return self._json_fields[file.source]

    def _new_json(self, source: str | None) -> Fields:
        if source is None:
            return validation.json_fields(self._contract)
        mapping = self._mappings[source]
        return validation.mapped_fields(
            self._contract, mapping, validation.foreign_json(validation.mapping_inputs(mapping))
        )

    def _csv(self, report: FileReport) -> Records | None:
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
        # All that is wanted and nothing else, in one order: so files of any columns are read by the same statement, and
        # 10,000 columns nobody asked for cost DuckDB nothing.
        wanted = self._wanted(file)
        positions = [names.index(name) if name in names else None for name in wanted]
        schema = pa.schema([("_line", pa.int64()), ("_raw", pa.string())] + [(name, pa.string()) for name in wanted])

        def batch(rows: list[Record]) -> pa.RecordBatch:
            numbers = pa.array([line for line, _, _ in rows], pa.int64())
            raws = pa.array([raw for _, _, raw in rows], pa.string())
            columns = [
                pa.nulls(len(rows), pa.string())
                if at is None
                else pa.array([fields[at] or None for _, fields, _ in rows], pa.string())
                for at in positions
            ]
            return pa.record_batch([numbers, raws, *columns], schema=schema)

        def batches() -> Iterator[pa.RecordBatch]:
            rows: list[Record] = []
            size = 0
            for record in records:
                rows.append(record)
                size += 4 * len(record[2]) + _FIELD_BYTES * len(names)
                if size > _CSV_BATCH_BYTES:
                    yield batch(rows)
                    rows, size = [], 0
            yield batch(rows)

        return Records(report, self._columnar(file, wanted, dict.fromkeys(wanted, "text")), schema, batches())

    def _parquet(self, report: FileReport) -> Records | None:
        file, state = report.file, report.state
        digest = hashlib.sha256()
        plain = self._folder / f"unpacked-{report.number}.parquet" if file.compression else None
        try:
            with file.open() as opened:
                pieces = decompressed(opened, file.compression, digest)
                if plain is None:
                    for _ in pieces:  # for the checksum
                        pass
                else:  # Parquet needs a file to seek in
                    with plain.open("wb") as unpacked:
                        for piece in pieces:
                            unpacked.write(piece)
                state.checksum = digest.hexdigest()
                # The very file that was opened, not what stands under its name by now. Read ahead it would keep a
                # whole row group, which may be all of the file.
                source = plain or f"/dev/fd/{opened.fileno()}"
                parquet = pq.ParquetFile(source, buffer_size=_PARQUET_BUFFER, pre_buffer=False)
        except (*UNREADABLE, pa.ArrowInvalid) as error:
            state.checksum = digest.hexdigest()
            state.fail("rejected", f"cannot be read as Parquet: {said(error)}")
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

        return Records(report, self._columnar(file, names, origins), schema, batches())

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

    def _wanted(self, file: LandingFile) -> list[str]:
        """The columns of a file that are read."""
        if file.source is None:
            return [column.name for column in self._contract.columns]
        return validation.mapping_inputs(self._mappings[file.source])

    def _accept_header(self, file: LandingFile, state: FileState, names: list[str]) -> bool:
        """Compare a file's columns with what is expected; note what is ignored, reject a file that cannot be used."""
        if len(set(names)) != len(names):
            repeated = sorted(name for name, count in Counter(names).items() if count > 1)
            state.fail("rejected", f"the columns {_listed(repeated)} occur more than once")
            return False
        expected = set(self._wanted(file))
        if file.source is None:
            required = {column.name for column in self._contract.columns if column.is_required}
        else:
            required = expected
        if missing := sorted(required - set(names)):
            state.fail("rejected", f"the columns {_listed(missing)} are missing; the file has {_listed(sorted(names))}")
            return False
        if extra := sorted(set(names) - expected):
            state.reasons.append(f"columns nobody asked for were ignored: {_listed(extra)}")
        if absent := sorted(expected - set(names)):
            state.reasons.append(f"columns that may be NULL are absent: {_listed(absent)}")
        return True


def _listed(names: Sequence[str]) -> str:
    """Names of columns for a reason; a file may have any number of them, of any length."""
    more = len(names) - _COLUMNS_NAMED
    return f"{[name[:100] for name in names[:_COLUMNS_NAMED]]}" + (f" and {more:,} more" if more > 0 else "")


class Chain:
    """The records of a source and of those after it that have its shape, each row with its file's number and time."""

    def __init__(self, first: Records, others: Iterator[Records]) -> None:
        self._first = first
        self._others = others
        self._wide_bytes = 0
        self.next: Records | None = None
        """What the next chain begins with, once this one was read: a source of another shape, or the rest of this one's
        when its rows are wide.
        """

    def reader(self) -> pa.RecordBatchReader:
        """All of them as one; it ends before the first of another shape."""
        schema = self._first.schema.append(pa.field("_file", pa.int32()))
        schema = schema.append(pa.field("_found_at", pa.timestamp("us", "UTC")))
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        few: list[pa.RecordBatch] = []
        size = 0
        for batch in self._marked(schema):
            few.append(batch)
            size += batch.nbytes
            if size >= _ENOUGH_BYTES:
                yield pa.concat_batches(few)
                few, size = [], 0
        if few:
            yield pa.concat_batches(few)

    def _marked(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The batches of all sources, until one is of another shape or there were many bytes of wide rows."""
        source: Records | None = self._first
        while source is not None and source.can_follow(self._first):
            number = pa.scalar(source.report.number, pa.int32())
            found_at = pa.scalar(source.report.file.modified_at, pa.timestamp("us", "UTC"))
            for batch in source.batches:
                marks = [pa.repeat(number, batch.num_rows), pa.repeat(found_at, batch.num_rows)]
                yield pa.RecordBatch.from_arrays([*batch.columns, *marks], schema=schema)
                if batch.nbytes > _WIDE_ROW * batch.num_rows:
                    self._wide_bytes += batch.nbytes
                if self._wide_bytes >= _ENOUGH_WIDE_BYTES:
                    self.next = source
                    return
            source = next(self._others, None)
        self.next = source


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
