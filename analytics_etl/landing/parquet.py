"""Reading wanted columns of Parquet files in slices of bounded size, converted to the types all formats share."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.disk.scratch import ScratchError
from analytics_etl.landing.arrow_values import converted, plain_type
from analytics_etl.landing.compression import decompressed
from analytics_etl.landing.faults import READ_FAULTS, is_ours, short_reason
from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.rejections import FileState

SLICE_BYTES = 4 << 20
"""Size of a slice in bytes, about."""

PAGES_IN_MEMORY = 2
"""Pages are in memory as a whole, and may take this many times the loader's memory. Most writers make pages of 1 MB,
but longer ones of long texts, since they check the size once in 1,000 rows.
"""
_DICTIONARY_COPIES, _PAGE_COPIES = 5, 2
"""Copies of a dictionary and of a page in memory during reading, as measured."""

_MOST_ROWS = 8_192
_BUFFER = 1 << 20
"""Bytes read at once from each column."""
_LENGTH_BYTES = 4
"""Bytes of the length that Parquet writes before each text outside of a dictionary."""

MARKS = (("_line", pa.int64()), ("_problem", pa.string()), ("_may_hold_nul", pa.bool_()))
"""Columns before those of the file: number of the row from 1, its problem, and whether a text may hold NUL."""


class ParquetRows:
    """The rows of one Parquet file. Close it after use."""

    def __init__(self, path: Path, memory_mb: int) -> None:
        """Raises one of FILE_FAULTS if the file is no Parquet."""
        self._path = path
        self._page_bytes = PAGES_IN_MEMORY * memory_mb << 20
        # With pre_buffer a whole row group, which may be the whole file, would be in memory.
        self._file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
        self.names = list(self._file.schema_arrow.names)

    def close(self) -> None:
        self._file.close()

    def schema(self, wanted: Mapping[str, str | None]) -> pa.Schema:
        """The schema of `batches`. `wanted` is {column: its type in the contract}."""
        fields = [(name, plain_type(self._file.schema_arrow.field(name).type, kind)) for name, kind in wanted.items()]
        return pa.schema([*MARKS, *fields])

    def batches(self, wanted: Mapping[str, str | None], state: FileState) -> Iterator[pa.RecordBatch]:
        """The rows in batches of about SLICE_BYTES. An unreadable part ends them and goes into the file's state."""
        schema, row = self.schema(wanted), 1
        try:
            for batch in self._slices(list(wanted)):
                yield _converted(batch, wanted, schema, row)
                row += batch.num_rows
        except READ_FAULTS as error:
            if is_ours(error):
                raise
            if row == 1:
                state.fail("rejected", f"cannot be read as Parquet: {short_reason(error)}")
            else:
                reason = f"cannot be read to its end: {short_reason(error)}; the rows before row {row} are loaded"
                state.fail("cut_off", reason, row)
        finally:
            self.close()

    def _slices(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The columns as stored, in slices that are small even after their dictionaries are unpacked."""
        dictionaries, rows = self._plan(names)
        opened = pq.ParquetFile(
            self._path,
            metadata=self._file.metadata,
            buffer_size=_BUFFER,
            pre_buffer=False,
            read_dictionary=dictionaries,
        )
        with opened:
            for size, groups in groupby(range(opened.num_row_groups), key=rows.__getitem__):
                numbers = [group for group in groups if opened.metadata.row_group(group).num_rows]
                for batch in opened.iter_batches(size, row_groups=numbers, columns=list(names)) if numbers else ():
                    yield from _cut(pa.record_batch([_column(batch, name) for name in names], names=list(names)))

    def _plan(self, names: Sequence[str]) -> tuple[list[str], list[int]]:
        """The columns to read as dictionaries, and how many rows to read at once from each row group.

        Dictionaries stay packed because a few long texts may stand for many rows. Raises ValueError if the pages of a
        row group are too large for the memory.
        """
        metadata, wanted = self._file.metadata, set(names)
        dictionaries: set[str] = set()
        rows = []
        with self._path.open("rb") as opened:
            for number in range(metadata.num_row_groups):
                group = metadata.row_group(number)
                size, pages = 0, 0
                for position in range(group.num_columns):
                    chunk = group.column(position)
                    if not wanted & {chunk.path_in_schema, chunk.path_in_schema.partition(".")[0]}:
                        continue
                    pages += _page_sizes(opened, chunk)
                    size += chunk.total_uncompressed_size
                    is_dense = chunk.total_uncompressed_size < _LENGTH_BYTES * chunk.num_values
                    if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page and is_dense:
                        dictionaries.add(chunk.path_in_schema)
                if pages > self._page_bytes:
                    raise ValueError(
                        f"row group {number} has pages and dictionaries of {pages:,} bytes, expected at most "
                        f"{self._page_bytes:,}; write it with smaller ones, or raise ANALYTICS_LOADER_MEMORY_MB"
                    )
                width = max(size // max(group.num_rows, 1), 1)
                rows.append(max(min(SLICE_BYTES // width, _MOST_ROWS), 1))
        return sorted(dictionaries), rows


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column by its exact name: for `a` the reader also gives columns like `a.b`."""
    return batch.column(batch.schema.get_all_field_indices(name)[0])


def unpacked(file: LandingFile, state: FileState, folder: Path, number: int) -> BinaryIO:
    """Open a file without its compression: the file itself, or an unpacked copy in `folder`. Notes the checksum.

    Raises FILE_FAULTS for the file, ScratchError for the folder.
    """
    digest = hashlib.sha256()
    opened = file.open()
    try:
        pieces = decompressed(opened, file.compression, digest)
        if file.compression is None:
            for _ in pieces:  # for the checksum
                pass
            return opened
        plain = folder / f"unpacked-{number}.parquet"
        _write(plain, pieces)  # Parquet needs a file to seek in
        unpacked_file = plain.open("rb")
        plain.unlink()
    except BaseException:
        opened.close()
        raise
    finally:
        state.checksum = digest.hexdigest()
    opened.close()
    return unpacked_file


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    try:
        target = path.open("wb")
    except OSError as error:
        raise ScratchError(f"{path}: cannot be written: {error}") from error
    with target:
        for piece in pieces:
            try:
                target.write(piece)
                target.flush()
            except OSError as error:
                raise ScratchError(f"{path}: cannot be written: {error}; free space for temporary files") from error


def _page_sizes(opened: BinaryIO, chunk: pq.ColumnChunkMetaData) -> int:
    """Bytes of a column's dictionary and first page in memory; 0 for a short column."""
    if chunk.total_uncompressed_size <= SLICE_BYTES:
        return 0
    size = 0
    for offset, copies in ((chunk.dictionary_page_offset, _DICTIONARY_COPIES), (chunk.data_page_offset, _PAGE_COPIES)):
        if offset is not None:
            opened.seek(offset)
            size += copies * _page_size(opened.read(16))
    return size


def _page_size(header: bytes) -> int:
    """The unpacked size in a page's header, its second field.

    Thrift's compact protocol: one byte with the type before each field, then a zigzag number of 7 bits a byte.
    """
    position, number = 0, 0
    for _ in range(2):
        position, number, shift = position + 1, 0, 0
        while True:
            byte = header[position]
            number |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
                break
    return number >> 1


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in parts of about SLICE_BYTES each once its dictionaries are unpacked."""
    coded = [column for column in batch.columns if isinstance(column, pa.DictionaryArray)]
    longest = sum(pc.max(pc.binary_length(c.dictionary)).as_py() or 0 for c in coded if len(c.dictionary))
    if longest * batch.num_rows <= SLICE_BYTES:
        yield batch
        return
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in coded:
        column.validate(full=True)
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        sizes += lengths.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    part = np.cumsum(sizes) // SLICE_BYTES
    starts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), batch.num_rows]
    for start, end in pairwise(starts):
        if end > start:
            yield batch.slice(start, end - start)


def _converted(
    batch: pa.RecordBatch, wanted: Mapping[str, str | None], schema: pa.Schema, first_row: int
) -> pa.RecordBatch:
    """A batch with MARKS, converted to the types of the other formats."""
    columns, problems = [], []
    for (name, kind), column in zip(wanted.items(), batch.columns, strict=True):
        values, problem = converted(name, kind, column)
        columns.append(values)
        if problem is not None:
            problems.append(problem)
    count = batch.num_rows
    numbers = pa.array(np.arange(first_row, first_row + count, dtype=np.int64))
    first_problems = pc.coalesce(*problems) if problems else pa.nulls(count, pa.string())
    holds_nul = any(_holds_nul(column) for column in columns)
    marks = [numbers, first_problems, pa.repeat(pa.scalar(holds_nul), count)]
    return pa.RecordBatch.from_arrays([*marks, *columns], schema=schema)


def _holds_nul(values: pa.Array) -> bool:
    """Whether the buffer of a text column holds a NUL byte."""
    data = values.buffers()[2] if values.type == pa.string() else None
    return data is not None and not np.frombuffer(data, np.uint8).all()
