"""How rows are written: as lines of JSON or CSV, or as a typed table; the bad ones among them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.families.sample.tables import CUT, NO_ZONE, Row


def render(batch: pa.RecordBatch, defects: Mapping[int, Row], file_format: str, *, is_first: bool) -> list[Any]:
    """What is to be written for a batch, one piece after the other: a table, or bytes. `defects`: by row.

    The first batch of a file brings its header, where the format has one.
    """
    if file_format == "parquet":
        return [_with_defects(batch, defects)]
    is_json = file_format.startswith("ndjson")
    lines = _json_lines(batch) if is_json else _csv_lines(batch)
    if defects:
        is_bad = np.zeros(len(lines), bool)
        is_bad[list(defects)] = True
        lines = pc.replace_with_mask(lines, pa.array(is_bad), pa.array(_bad_lines(batch, defects, is_json=is_json)))
    # Arrow keeps a text column as its values, one after the other: that is the text of the file already.
    _, offsets, text = lines.buffers()
    header = ",".join(batch.schema.names) + "\n" if is_first and not is_json else ""
    return [header.encode(), text.slice(0, np.frombuffer(offsets, np.int32)[len(lines)])]


def _json_lines(batch: pa.RecordBatch) -> pa.Array:
    def quoted(values: pa.Array) -> pa.Array:
        escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
        return pc.binary_join_element_wise('"', escaped, '"', "")

    names = [f'{"," if i else "{"}"{name}":' for i, name in enumerate(batch.schema.names)]
    texts = [
        column.storage.fill_null("null") if _is_json(column.type) else _text(column, quoted, "null")
        for column in batch.columns
    ]
    return pc.binary_join_element_wise(*chain.from_iterable(zip(names, texts, strict=True)), "}\n", "")


def _csv_lines(batch: pa.RecordBatch) -> pa.Array:
    def quoted(values: pa.Array) -> pa.Array:
        in_quotes = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
        return pc.if_else(pc.match_substring_regex(values, '[,"]'), in_quotes, values)

    texts = [_text(column, quoted, "") for column in batch.columns]
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*texts, ","), "\n", "")


def _text(column: pa.Array, quoted: Callable[[pa.Array], pa.Array], null: str) -> pa.Array:
    """The values as they stand in a line."""
    if _is_json(column.type):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        text = quoted(column.dictionary).take(column.indices)  # only distinct values are quoted
    elif pa.types.is_timestamp(column.type):
        utc = column.cast(pa.timestamp("us")).cast(pa.string())  # in one step it takes ten times as long
        text = quoted(pc.binary_join_element_wise(pc.replace_substring(utc, " ", "T"), "Z", ""))
    else:
        text = quoted(column) if pa.types.is_string(column.type) else column.cast(pa.string())
    return text.fill_null(null)


def _bad_lines(batch: pa.RecordBatch, defects: Mapping[int, Row], *, is_json: bool) -> Iterator[str]:
    for row, defect in zip(batch.take(pa.array(defects)).to_pylist(), defects.values(), strict=True):
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = f"{value:%Y-%m-%d %H:%M:%S}" if name in defect else f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
        row |= {name: value for name, value in defect.items() if value not in (CUT, NO_ZONE)}
        is_cut = CUT in defect.values()
        if is_json:
            given = {name: _value(batch, name, value) for name, value in row.items()}
            line = json.dumps(given, separators=(",", ":"))
            yield (line[: len(line) // 2] if is_cut else line) + "\n"
        else:
            fields = [str(value).lower() if isinstance(value, bool) else value for value in row.values()]
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="\n").writerow(fields[:-3] if is_cut else fields)
            yield buffer.getvalue()


def _value(batch: pa.RecordBatch, name: str, value: Any) -> Any:
    return json.loads(value) if value is not None and _is_json(batch.schema.field(name).type) else value


def _is_json(kind: pa.DataType) -> bool:
    """Whether values are JSON, which stands in a line of JSON as it is."""
    return isinstance(kind, pa.JsonType)


def _with_defects(batch: pa.RecordBatch, defects: Mapping[int, Row]) -> pa.Table:
    """The batch with its bad rows; its text columns no longer dictionaries, so that all batches have one schema."""
    schema = pa.schema((f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in batch.schema)
    good = batch.take(pa.array(defects, pa.int64())).to_pylist()
    bad = [row | defect for row, defect in zip(good, defects.values(), strict=True)]
    rows = np.arange(len(batch))
    rows[list(defects)] = len(batch) + np.arange(len(bad))
    return pa.Table.from_batches([batch.cast(schema), pa.RecordBatch.from_pylist(bad, schema)]).take(pa.array(rows))
