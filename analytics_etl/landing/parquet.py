"""Parquet files in slices of bounded bytes: the columns that are asked for, as values the other formats have, too."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_etl.landing.arrow_values import converted, plain_type
from analytics_etl.landing.compression import decompressed
from analytics_etl.landing.faults import READ_FAULTS, ScratchError, is_ours, said
from analytics_etl.landing.files import LandingFile
from analytics_etl.landing.rejections import FileState

SLICE_BYTES = 4 << 20
"""What is made of a file at a time."""

PAGES_IN_MEMORY = 2
"""Pages, which are in memory as a whole, may take so many times the memory of the loader. Most writers make them of
1 MB, but of long texts longer ones, since they look at the length once in 1,000 rows.
"""
_DICTIONARY_COPIES, _PAGE_COPIES = 5, 2
"""Times a dictionary and a page are in memory while they are read, by measurement."""

_MOST_ROWS = 8_192
_BUFFER = 1 << 20
"""Bytes read at a time of each column."""
_LENGTH_BYTES = 4
"""Before the columns of a batch: the number from 1, what is wrong with the row, whether a text may hold NUL."""

MARKS = (("_line", pa.int64()), ("_problem", pa.string()), ("_may_hold_nul", pa.bool_()))
"""Before the columns of each batch: the number from 1, what is wrong with the row, whether a text may hold NUL."""


class ParquetRows:
    """The rows of one Parquet file. Close it after use."""

    def __init__(self, path: Path, memory_mb: int) -> None:
        """Raises FILE_FAULTS if it is none."""
        self._path = path
        self._page_bytes = PAGES_IN_MEMORY * memory_mb << 20
        # Read ahead it would keep a whole row group, which may be all of the file.
        self._file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
        self.names = list(self._file.schema_arrow.names)

    def close(self) -> None:
        self._file.close()

    def schema(self, wanted: Mapping[str, str | None]) -> pa.Schema:
        """What `batches` gives for these columns, each with the contract's type."""
        fields = [(name, plain_type(self._file.schema_arrow.field(name).type, kind)) for name, kind in wanted.items()]
        return pa.schema([*MARKS, *fields])

    def batches(self, wanted: Mapping[str, str | None], state: FileState) -> Iterator[pa.RecordBatch]:
        """The rows in batches of about SLICE_BYTES; what cannot be read is noted in the file's state."""
        schema, row = self.schema(wanted), 1
        try:
            for batch in self._slices(list(wanted)):
                yield _converted(batch, wanted, schema, row)
                row += batch.num_rows
        except READ_FAULTS as error:
            if is_ours(error):
                raise
            if row == 1:
                state.fail("rejected", f"cannot be read as Parquet: {said(error)}")
            else:
                reason = f"cannot be read to its end: {said(error)}; the rows before row {row} are loaded"
                state.fail("cut_off", reason, row)
        finally:
            self.close()

    def _slices(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The columns as they lie in the file, in slices that are small also when their dictionaries are unpacked."""
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
        """The columns to be read as dictionaries, since few long texts may stand for many rows; and how many rows of
        each row group are read at once. Raises ValueError for a page that is too long for the memory.
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
    """A column by its exact name: the reader gives those whose names begin like it and a dot as well."""
    return batch.column(batch.schema.get_all_field_indices(name)[0])


def unpacked(file: LandingFile, state: FileState, folder: Path, number: int) -> BinaryIO:
    """The file without compression, opened, a copy in `folder` if it had one; its checksum is noted. FILE_FAULTS are
    the file's, ScratchError is the folder's.
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
    """Bytes that the dictionary and the first page of a column take in memory; 0 for a column that is short."""
    if chunk.total_uncompressed_size <= SLICE_BYTES:
        return 0
    size = 0
    for offset, copies in ((chunk.dictionary_page_offset, _DICTIONARY_COPIES), (chunk.data_page_offset, _PAGE_COPIES)):
        if offset is not None:
            opened.seek(offset)
            size += copies * _page_size(opened.read(16))
    return size


def _page_size(header: bytes) -> int:
    """The unpacked size in a page's header: its second field. Thrift writes a byte before each field, which tells its
    type, and numbers with the sign last, 7 bits a byte.
    """
    position, number = 0, 0
    for _ in range(2):
        position, number, shift = position + 1, 0, 0
        while True:
            byte = header[position]
            number |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:  # noqa: PLR2004 - the last one
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
    """A batch as the other formats would give it, with its MARKS."""
    columns, problems = [], []
    for (name, kind), column in zip(wanted.items(), batch.columns, strict=True):
        values, problem = converted(name, kind, column)
        columns.append(values)
        if problem is not None:
            problems.append(problem)
    count = batch.num_rows
    numbers = pa.array(np.arange(first_row, first_row + count, dtype=np.int64))
    told = pc.coalesce(*problems) if problems else pa.nulls(count, pa.string())
    holds_nul = any(_holds_nul(column) for column in columns)
    return pa.RecordBatch.from_arrays([numbers, told, pa.repeat(pa.scalar(holds_nul), count), *columns], schema=schema)


def _holds_nul(values: pa.Array) -> bool:
    """Whether a NUL byte lies in the buffer of a text column."""
    data = values.buffers()[2] if values.type == pa.string() else None
    return data is not None and not np.frombuffer(data, np.uint8).all()
