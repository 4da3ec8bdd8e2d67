"""Opening landing files of each format: their records, and which fields these give. Not here: which are valid."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.landing.csv_records import Record, csv_records
from analytics_etl.landing.fields import MAY_HOLD_NUL, ROW, Fields, Origin, quote
from analytics_etl.landing.file_reports import FileReport, checksum_of
from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.json_text import foreign_json, json_fields
from analytics_etl.landing.lines import LINE_BATCH, Lines
from analytics_etl.landing.mappings import mapped_fields, mapping_inputs
from analytics_etl.landing.metric_formats.opening import samples_of
from analytics_etl.landing.metric_formats.samples import COLUMNS
from analytics_etl.landing.misspelt import note_misspelt, noting_keys
from analytics_etl.landing.parquet import MARKS, ParquetRows, unpacked
from analytics_etl.landing.records import Records
from analytics_etl.landing.rejections import FileState, printable

_CSV_BATCH_BYTES = 16 << 20
"""Memory of a batch of CSV records: their text, their fields and their Arrow columns."""
_FIELD_BYTES = 60
"""Memory of a field beside its characters: it is a Python object."""
_COLUMNS_NAMED = 40
"""Most columns that a reason names."""
_LONGEST_SHOWN = 2_000
"""Characters kept of each text of a rejected Parquet row."""


class Opener:
    """Opens files of one event table. Notes rejected lines and files in the file's state."""

    def __init__(self, contract: Contract, mappings: Mapping[str, Model], folder: Path, memory_mb: int) -> None:
        self._contract = contract
        self._mappings = mappings
        self._folder = folder
        """Where compressed Parquet files are unpacked."""
        self._memory_mb = memory_mb
        self._json_fields: dict[str | None, Fields] = {}

    def open(self, report: FileReport) -> Records | None:
        """The file's records; None if it has none or is rejected."""
        file, state = report.file, report.state
        if file.problem is not None:
            state.fail("rejected", file.problem)
            return None
        match file.file_format:
            case "ndjson":
                lines = noting_keys(Lines(file, state).batches(), state, self._wanted(file))
                return Records(report, self._json(file), LINE_BATCH, lines)
            case "csv":
                return self._csv(report)
            case "parquet":
                return self._parquet(report)
            case _:
                return self._texts(report, COLUMNS, samples_of(file, state))

    def refuse(self, report: FileReport, reason: str) -> None:
        """Reject a file for a known reason; it is read only for its checksum."""
        report.state.checksum = checksum_of(report.file)
        report.state.fail("rejected", reason)

    def _json(self, file: LandingFile) -> Fields:
        if file.source not in self._json_fields:  # built once for thousands of small files
            self._json_fields[file.source] = self._new_json(file.source)
        return self._json_fields[file.source]

    def _new_json(self, source: str | None) -> Fields:
        if source is None:
            return json_fields(self._contract)
        mapping = self._mappings[source]
        return mapped_fields(self._contract, mapping, foreign_json(mapping_inputs(mapping)), may_have_problems=True)

    def _csv(self, report: FileReport) -> Records | None:
        records = csv_records(Lines(report.file, report.state))
        header = next(records, None)
        return None if header is None else self._texts(report, [name.strip() for name in header[1]], records)

    def _texts(self, report: FileReport, names: Sequence[str], records: Iterator[Record]) -> Records | None:
        """Records whose fields are texts in the order of these names."""
        file, state = report.file, report.state
        if not self._accept_header(file, state, names):
            state.checksum = checksum_of(file)
            return None
        # The wanted columns only, always in one order: so one statement reads files with different columns, and DuckDB
        # never sees 10,000 unknown columns.
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

        fields = self._columnar(file, pa.schema([(name, pa.string()) for name in wanted]))
        return Records(report, fields, schema, batches())

    def _parquet(self, report: FileReport) -> Records | None:
        file, state = report.file, report.state
        opened = unpacked(file, state, self._folder, report.number)
        try:
            # By its descriptor: another file may have taken its name meanwhile.
            rows = ParquetRows(Path(f"/dev/fd/{opened.fileno()}"), self._memory_mb)
        except BaseException:
            opened.close()
            raise
        if not self._accept_header(file, state, rows.names):
            rows.close()
            opened.close()
            return None
        wanted = {
            name: self._contract_type(name) if file.source is None else None
            for name in self._wanted(file)
            if name in rows.names
        }
        schema = rows.schema(wanted)

        def batches() -> Iterator[pa.RecordBatch]:
            with opened:
                yield from rows.batches(wanted, state)

        return Records(report, self._columnar(file, schema), schema, batches())

    def _wanted(self, file: LandingFile) -> list[str]:
        """The columns of a file that are read; all others are ignored."""
        if file.source is None:
            return [column.name for column in self._contract.columns]
        return mapping_inputs(self._mappings[file.source])

    def _columnar(self, file: LandingFile, schema: pa.Schema) -> Fields:
        """The fields of a file with columns: its own ones, or those that the source mapping computes."""
        is_text = file.file_format != "parquet"
        marks = ("_line", "_raw", *(name for name, _ in MARKS))
        columns = {field.name: field.type for field in schema if field.name not in marks}
        names = ", ".join(quote(name) for name in columns)
        marked = f"null::varchar as _problem, {MAY_HOLD_NUL}" if is_text else "_problem, _may_hold_nul"
        if file.source is not None:
            texts = ", ".join(f"{quote(name)}::varchar as {quote(name)}" for name in columns)
            raw = "_raw" if is_text else f"{_as_json(columns)} as _raw"
            relation = f"select {ROW}, {raw}, true as _is_record, {marked}, {texts} from lines"
            return mapped_fields(self._contract, self._mappings[file.source], relation, may_have_problems=not is_text)
        origins: dict[str, Origin] = {c.name: "absent" for c in self._contract.columns}
        for name, kind in columns.items():
            origins[name] = "text" if kind == pa.string() else "typed"
        raw = "_raw" if is_text else "null::varchar as _raw"
        return Fields(
            f"select {ROW}, {raw}, true as _is_record, {marked}, {names} from lines",
            origins,
            may_have_problems=not is_text,
            content="_raw" if is_text else _as_json(columns, "_text_"),
        )

    def _contract_type(self, name: str) -> str | None:
        return next((column.type for column in self._contract.columns if column.name == name), None)

    def _accept_header(self, file: LandingFile, state: FileState, names: Sequence[str]) -> bool:
        """Compare a file's columns with the expected ones: note ignored columns, reject the file if one is missing."""
        expected = set(self._wanted(file))
        required = expected
        if file.source is None:
            required = {column.name for column in self._contract.columns if column.is_required}
        if repeated := sorted(name for name, count in Counter(names).items() if count > 1 and name in expected):
            state.fail("rejected", f"the columns {_listed(repeated)} occur more than once")
            return False
        if missing := sorted(required - set(names)):
            state.fail("rejected", f"the columns {_listed(missing)} are missing; the file has {_listed(sorted(names))}")
            note_misspelt(state, names, expected)
            return False
        if extra := sorted(set(names) - expected):
            state.reasons.append(printable(f"columns nobody asked for were ignored: {_listed(extra)}"))
        if absent := sorted(expected - set(names)):
            state.reasons.append(f"columns that may be NULL are absent: {_listed(absent)}")
        note_misspelt(state, names, expected)
        return True


def _listed(names: Sequence[str]) -> str:
    """Names of columns, shortened for a reason: a file may have many and long ones."""
    more = len(names) - _COLUMNS_NAMED
    return f"{[name[:100] for name in names[:_COLUMNS_NAMED]]}" + (f" and {more:,} more" if more > 0 else "")


def _as_json(columns: Mapping[str, pa.DataType], prefix: str = "") -> str:
    """SQL for a JSON object of columns, whose names have a prefix in the relation; long texts are cut."""

    def value(name: str, kind: pa.DataType) -> str:
        column = quote(prefix + name)
        return f"left({column}, {_LONGEST_SHOWN})" if kind == pa.string() else column

    pairs = ", ".join(f"{quote(name)} := {value(name, kind)}" for name, kind in columns.items())
    return f"to_json(struct_pack({pairs}))::varchar"
