"""An answer in the form that was asked for: JSON, CSV, Parquet or Arrow, with what it covers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.responses import Response

from analytics_etl.families.queries import Coverage, Row
from analytics_etl.families.queries.written import cell_value, csv_of, portable_row

Form = Literal["json", "csv", "parquet", "arrow"]

MEDIA_TYPES: Mapping[Form, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}


@dataclass(frozen=True)
class Answer:
    """Rows, and fields beside them. JSON has all of it, the other forms have the rows."""

    rows: Sequence[Row] = ()
    rows_name: str = "rows"
    """Name of the rows in JSON."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside the rows in JSON."""
    columns: Sequence[str] = ()
    """Of the rows, known also when there are none."""
    coverage: Coverage | None = None
    next_cursor: str | None = None
    newest_day: date | None = None
    """The last day that the answer is about."""
    is_final: bool | None = None
    """Whether its days can change no more; None if there are none."""


def as_of(newest_day: date | None) -> str | None:
    """The end of a day as JSON has it: what was known then is in the answer."""
    if newest_day is None or newest_day == date.max:
        return None
    end = datetime.combine(newest_day + timedelta(days=1), time(), UTC)
    return end.isoformat().replace("+00:00", "Z")


def respond(answer: Answer, form: Form) -> Response:
    """The answer in a form."""
    headers = {}
    if answer.next_cursor is not None:
        headers["X-Next-Cursor"] = answer.next_cursor
    return Response(_WRITERS[form](answer), 200, headers, MEDIA_TYPES[form])


def _json(answer: Answer) -> bytes:
    coverage = answer.coverage or Coverage("")
    whole = {
        **{name: _portable(value) for name, value in answer.fields.items()},
        answer.rows_name: [portable_row(row) for row in answer.rows],
        "as_of": as_of(answer.newest_day),
        "is_final": answer.is_final,
        "next_cursor": answer.next_cursor,
        "dropped": [str(day) for day in coverage.dropped],
        "missing": [{"first": str(first), "last": str(last)} for first, last in coverage.missing],
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _portable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _portable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(inner) for inner in value]
    return portable_row({"": value})[""]


def _csv(answer: Answer) -> bytes:
    return csv_of(answer.columns, answer.rows).encode()


def _table(answer: Answer) -> pa.Table:
    """The rows as Arrow, ids and JSON as text; a column without a value has the type null."""
    kept = (int, float, bool, date, datetime)
    return pa.table(
        {
            name: [v if v is None or isinstance(v, kept) else cell_value(v) for v in (r.get(name) for r in answer.rows)]
            for name in answer.columns
        }
    )


def _parquet(answer: Answer) -> bytes:
    written = BytesIO()
    pq.write_table(_table(answer), written, compression="zstd")
    return written.getvalue()


def _arrow(answer: Answer) -> bytes:
    table, written = _table(answer), BytesIO()
    with pa.ipc.new_stream(written, table.schema) as stream:
        stream.write_table(table)
    return written.getvalue()


_WRITERS: Mapping[Form, Callable[[Answer], bytes]] = {
    "json": _json, "csv": _csv, "parquet": _parquet, "arrow": _arrow,
}  # fmt: skip
