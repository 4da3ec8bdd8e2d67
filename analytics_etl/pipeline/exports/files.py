"""The files of one partition: CSV by RFC 4180, and Parquet. The same rows in the same order give the same bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")

VERSION = 1
"""Of what the files look like: another one makes all of them anew."""

_ROWS_AT_ONCE = 16_384
_LINE_END = "\r\n"
_QUOTED = r'[,"\r\n]'
_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""Begins of texts that spreadsheets would compute, as `cli.answers` has them."""


def write_files(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, folder: Path, formats: Sequence[Format]
) -> tuple[dict[Format, Path], int]:
    """Write rows to `folder` in some formats; return {format: its file}, and the number of rows."""
    paths: dict[Format, Path] = {form: folder / f"rows.{form}" for form in formats}
    rows = 0
    with ExitStack() as opened:
        text = opened.enter_context(paths["csv"].open("wb")) if "csv" in paths else None
        if text is not None:
            text.write(f"{','.join(schema.names)}{_LINE_END}".encode())
        parquet = (
            opened.enter_context(pq.ParquetWriter(paths["parquet"], schema, compression="zstd"))
            if "parquet" in paths
            else None
        )
        for batch in batches:
            rows += batch.num_rows
            if parquet is not None:
                parquet.write_batch(batch)
            if text is not None:
                text.writelines(_lines(batch))
    return paths, rows


def parquet_schema(
    types: Mapping[str, pa.DataType], meanings: Mapping[str, str], about: Mapping[str, str]
) -> pa.Schema:  # fmt: skip
    """The columns with their meanings, and what a file says about itself."""
    fields = [pa.field(name, kind, metadata={"description": meanings[name]}) for name, kind in types.items()]
    return pa.schema(fields, metadata=dict(about))


def _lines(batch: pa.RecordBatch) -> Iterator[Any]:
    """The lines of a batch, as buffers of bytes."""
    for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
        part = batch.slice(start, _ROWS_AT_ONCE)
        cells = [_cells(column) for column in part.columns]
        lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
        whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
        yield pc.binary_join(whole, _LINE_END)[0].as_buffer()
        yield _LINE_END.encode()


def _cells(values: pa.Array) -> pa.Array:
    """Values as the cells of a line; NULL stays NULL, which becomes an empty cell."""
    if pa.types.is_timestamp(values.type):
        # As if without a zone: Arrow would look for its rules on this machine.
        texts = values.view(pa.timestamp("us")).cast(pa.string())
        return pc.binary_join_element_wise(
            pc.replace_substring_regex(pc.replace_substring(texts, " ", "T"), r"\.000000$", ""), "Z", ""
        )
    if not pa.types.is_string(values.type):
        return values.cast(pa.string())
    is_formula = pc.match_substring_regex(values, _FORMULA)
    texts = pc.if_else(is_formula, pc.binary_join_element_wise("'", values, ""), values)
    is_quoted = pc.or_(pc.match_substring_regex(texts, _QUOTED), pc.equal(texts, ""))
    doubled: Any = pc.replace_substring(texts, '"', '""')
    return pc.if_else(is_quoted, pc.binary_join_element_wise('"', doubled, '"', ""), texts)
